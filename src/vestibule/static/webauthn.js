// A passkey is made or used by the browser; what comes of it goes to the server as a field of the page's form.
"use strict";
(() => {
  const form = document.getElementById("passkey");
  const options = JSON.parse(document.getElementById("passkey-options").value);
  const problem = document.getElementById("passkey-problem");
  const button = form.querySelector("button");
  document.getElementById("passkey-script").hidden = true;
  const tell = (words) => { problem.textContent = words; problem.hidden = !words; };
  if (!window.PublicKeyCredential) {
    tell("This browser knows no passkeys. Use another browser, or another way.");
    return;
  }
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const named = (list) => (list ?? []).map((each) => ({ ...each, id: bytes(each.id) }));
  const make = () => navigator.credentials.create({ publicKey: {
    ...options,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: named(options.excludeCredentials),
  } });
  const use = () => navigator.credentials.get({ publicKey: {
    ...options,
    challenge: bytes(options.challenge),
    allowCredentials: named(options.allowCredentials),
  } });
  const reasons = {
    InvalidStateError: "There is a passkey of yours on that device already.",
    NotAllowedError: "No passkey was given: it was put off, or took too long. Try again.",
    SecurityError: "The browser gives no passkey for this address. Open the console under the server's own address.",
  };
  button.hidden = false;
  if (button.autofocus) button.focus();  // what was hidden when the page was shown was passed over
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    tell("");
    button.disabled = true;
    try {
      const made = await (options.user ? make() : use());
      const response = { clientDataJSON: text(made.response.clientDataJSON) };
      for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
        if (made.response[part]) response[part] = text(made.response[part]);
      }
      form.elements.answer.value = JSON.stringify({ id: made.id, rawId: text(made.rawId), type: made.type, response });
      form.submit();
    } catch (error) {
      tell(reasons[error.name] ?? "The browser could not do this. Try again, or use another way.");
      button.disabled = false;
    }
  });
})();
