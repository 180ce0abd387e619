// Submits the form that carries a message to an application; every page works without this, by its Continue button.
// Where frames tell other applications of a sign-out, it waits until each ended on our own page, or five seconds.
"use strict";

const PATIENCE = 5000;

const frames = [...document.querySelectorAll("iframe[data-farewell]")];
const waiting = new Set(frames);

function carry() {
  const form = document.querySelector("form[data-submit]");
  if (form) form.submit();
}

// Only a page of our own origin can be looked into; any other is an application still at work.
function isDone(frame) {
  try {
    return /\/slo\/saml(\/callback)?$/.test(frame.contentWindow.location.pathname);
  } catch {
    return false;
  }
}

function check(frame) {
  if (isDone(frame) && waiting.delete(frame) && waiting.size === 0) carry();
}

for (const frame of frames) {
  frame.hidden = true;
  frame.addEventListener("load", () => check(frame));
}
if (frames.length) {
  setTimeout(() => waiting.size && carry(), PATIENCE);
  for (const frame of frames) check(frame);
} else {
  carry();
}
