// Shows /openapi.json, and signs what is tried there. A file of its own, since the page's Content-Security-Policy allows
// no script inside of it. The secret that is entered stays on the page: it goes with no request.
"use strict";

const SECRET_HEADER = "X-Secret-Of-This-Page";
const MADE_WHEN_SENT = { timestamp: 1, signature: "made-when-it-is-sent" };

/** The document with a place for the secret, and with what the page makes itself filled in already. */
function asShown(openapi) {
  openapi.components.securitySchemes.secret = {
    type: "apiKey", in: "header", name: SECRET_HEADER,
    description: "The secret of an HMAC key. It stays on this page, which signs with it.",
  };
  for (const operation of Object.values(openapi.paths).flatMap(Object.values)) {
    if (!operation["x-signed"]) continue;
    operation.security = [{ apiKey: [], secret: [] }];
    for (const parameter of operation.parameters) {
      if (parameter.name in MADE_WHEN_SENT) parameter.example = MADE_WHEN_SENT[parameter.name];
    }
  }
  return openapi;
}

/** The request with the exchange's time and an HMAC-SHA256 over its query, if a secret was entered. */
async function signed(request) {
  const secret = request.headers[SECRET_HEADER];
  delete request.headers[SECRET_HEADER];
  if (!secret || !crypto.subtle) return request; // no browser has it on http:// but for loopback
  const { serverTime } = await (await fetch("/api/v3/time")).json(); // a test or a replay may have set the clock
  const [address, query = ""] = request.url.split("?");
  const kept = query.split("&").filter((pair) => pair && !(pair.split("=")[0] in MADE_WHEN_SENT));
  const payload = [...kept, `timestamp=${serverTime}`].join("&");
  request.url = `${address}?${payload}&signature=${await hmac(secret, payload)}`;
  return request;
}

/** HMAC-SHA256 in hex. */
async function hmac(secret, text) {
  const encoder = new TextEncoder();
  const how = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", encoder.encode(secret), how, false, ["sign"]);
  const digest = await crypto.subtle.sign("HMAC", key, encoder.encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

window.addEventListener("load", () => {
  const place = document.getElementById("documents");
  window.ui = SwaggerUIBundle({
    url: place.dataset.openapi,
    domNode: place,
    deepLinking: true,
    docExpansion: "none",
    filter: true,
    showExtensions: true,
    validatorUrl: null,
    requestInterceptor: signed,
    responseInterceptor: (response) => {
      if (new URL(response.url).pathname !== place.dataset.openapi) return response;
      return { ...response, text: JSON.stringify(asShown(JSON.parse(response.text))) };
    },
    presets: [SwaggerUIBundle.presets.apis],
  });
});
