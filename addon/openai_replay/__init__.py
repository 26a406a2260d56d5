"""Record the OpenAI traffic of tests through a proxy, and replay it. The rooms, from the top down:

launch        command line, environment of a command, pytest plugin
proxy         the mitmproxy addon: hooks, refusals, taps, WebSockets (the only room that imports mitmproxy)
engine        replay for load tests, by base URL
collection    import, export, check, diff, drift, prune
mock          a mock of the API on loopback
service       answer and report, for any server
report_files  the report as JSON, HTML page, JUnit, Markdown
record        exchange to recording
replay        recording to answer, or an explained miss
transcript    a recording as a conversation
store         the recordings on disk, and the index of identities
wire          SSE, content codings, headers, and the way back to the wire's JSON
trouble       the words of pacing and faults
request       the request: identity, body, test id, ignore rules, redaction
sdk           the classes of openai-python
format        the recording file

addon/ARCHITECTURE.md is the map.
"""
