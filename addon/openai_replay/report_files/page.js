"use strict";
const test = document.getElementById("test"), word = document.getElementById("word"), outcome = document.getElementById("outcome");
// A fragment such as #test=test_a&outcome=missed filters from the start.
const given = new URLSearchParams(location.hash.slice(1));
for (const control of [test, word, outcome]) control.value = given.get(control.id) ?? "";
function show() {
  const text = word.value.toLowerCase();
  for (const entry of document.querySelectorAll("[data-test]")) {
    const isShown = (!test.value || entry.dataset.test === test.value) && (!outcome.value || entry.dataset.outcome === outcome.value)
      && (!text || entry.textContent.toLowerCase().includes(text));
    entry.hidden = !isShown;
  }
}
for (const control of [test, word, outcome]) control.addEventListener("input", show);
show();
