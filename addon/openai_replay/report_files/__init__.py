"""The report of a run as a file: JSON, an HTML page, JUnit XML, or Markdown for a GitHub step summary."""
