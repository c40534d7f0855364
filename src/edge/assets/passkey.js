// Asks the browser for a passkey. A form with data-passkey names the place of the portal that gives
// the question (…/options) and takes the answer; it stays hidden where the browser has no passkeys.
"use strict";

const bytes = text =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), c => c.charCodeAt(0));
const text = buffer =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const ids = list => list.map(one => ({ type: one.type, id: bytes(one.id) }));

async function ask(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    redirect: "error",
  });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(said.detail || "The gateway does not answer.");
  return said;
}

async function create(path, fields) {
  const { name, ...rest } = fields;
  const options = await ask(path + "/options", rest);
  const made = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: ids(options.excludeCredentials),
    },
  });
  return ask(path, {
    ...rest,
    name,
    id: text(made.rawId),
    client: text(made.response.clientDataJSON),
    object: text(made.response.attestationObject),
  });
}

async function prove(place, fields) {
  const options = await ask(place.options, fields);
  const made = await navigator.credentials.get({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      allowCredentials: ids(options.allowCredentials),
    },
  });
  const handle = made.response.userHandle;
  return ask(place.answer, {
    id: text(made.rawId),
    client: text(made.response.clientDataJSON),
    data: text(made.response.authenticatorData),
    signature: text(made.response.signature),
    ...(handle && handle.byteLength ? { handle: text(handle) } : {}),
  });
}

const WAYS = {
  "/signin/passkey": fields => {
    const user = document.getElementById("user").value.trim();
    const back = new URLSearchParams(fields).toString();
    return prove(
      { options: "/signin/passkey/options", answer: "/signin/passkey" },
      { ...(user ? { user } : {}), ...(back ? { back } : {}) });
  },
  "/signin/second": () =>
    prove({ options: "/signin/second/options", answer: "/signin/second/passkey" }, {}),
  "/signin/enrol": fields => create("/signin/enrol", fields),
  "/account/passkeys": fields => create("/account/passkeys", fields),
};

// What the browser says when a person cancels, or has no such key, helps nobody.
function sentence(error) {
  switch (error.name) {
  case "NotAllowedError": return "No passkey was used: it was cancelled, took too long, or there is none here.";
  case "InvalidStateError": return "This device has a passkey for this account already.";
  case "SecurityError": return "This browser uses no passkey at this address.";
  default: return error.message;
  }
}

function prepare(form) {
  const button = form.querySelector("button"), said = document.createElement("p");
  said.className = "error";
  said.setAttribute("role", "alert");
  said.hidden = true;
  form.prepend(said);
  form.hidden = false;
  form.addEventListener("submit", async event => {
    event.preventDefault();
    button.disabled = true;
    said.hidden = true;
    try {
      const { location } = await WAYS[form.dataset.passkey](Object.fromEntries(new FormData(form)));
      window.location.assign(location);
    } catch (error) {
      said.textContent = sentence(error);
      said.hidden = false;
      button.disabled = false;
    }
  });
}

if (window.PublicKeyCredential) document.querySelectorAll("form[data-passkey]").forEach(prepare);
