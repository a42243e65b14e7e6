// Shows /openapi.json. A file of its own, since the page's Content-Security-Policy allows no script inside of it.
"use strict";

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
    presets: [SwaggerUIBundle.presets.apis],
  });
});
