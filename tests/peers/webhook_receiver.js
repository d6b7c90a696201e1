// A receiver of webhooks that verifies them with the libraries of Standard Webhooks and of Svix, which nobody here wrote.
//
//   PUT  /secrets  ["whsec_…"]   what to verify with from now on
//   GET  /seen                   one entry per request: its headers' id, its body, and what each library said of it, of
//                                the same with one byte of its body changed, and with another id
//   POST anything else           a webhook
"use strict";
const http = require("http");
const modules = process.argv[2];
const libraries = {
  standardwebhooks: require(`${modules}/standardwebhooks`).Webhook,
  svix: require(`${modules}/svix`).Webhook,
};
let secrets = [];
const seen = [];

function accepts(Library, secret, body, headers) {
  try {
    new Library(secret).verify(body, headers);
    return true;
  } catch (fault) {
    return false;
  }
}

function changed(body) {
  const bytes = Buffer.from(body);
  bytes[bytes.length >> 1] ^= 1;
  return bytes.toString();
}

http.createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const body = Buffer.concat(chunks).toString();
    if (request.url === "/secrets") {
      secrets = JSON.parse(body);
      return response.writeHead(204).end();
    }
    if (request.url === "/seen") return response.end(JSON.stringify(seen));
    const said = {};
    for (const [name, Library] of Object.entries(libraries))
      said[name] = secrets.map((secret) => ({
        whole: accepts(Library, secret, body, request.headers),
        changed: accepts(Library, secret, changed(body), request.headers),
        other_id: accepts(Library, secret, body, { ...request.headers, "webhook-id": "other" }),
      }));
    seen.push({ id: request.headers["webhook-id"], url: request.url, body: JSON.parse(body), said });
    response.writeHead(204).end();
  });
}).listen(Number(process.argv[3]), "127.0.0.1");
