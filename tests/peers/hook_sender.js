// Signs a hook with the libraries of Standard Webhooks and of Svix, which nobody here wrote, and prints for each its
// headers: hook_sender.js MODULES SECRET ID < body
"use strict";
const fs = require("fs");
const [modules, secret, id] = process.argv.slice(2);
const body = fs.readFileSync(0, "utf8");
const now = new Date();
const seconds = String(Math.floor(now.getTime() / 1000));
const standard = new (require(`${modules}/standardwebhooks`).Webhook)(secret);
const svix = new (require(`${modules}/svix`).Webhook)(secret);
console.log(JSON.stringify({
  standardwebhooks: {
    "webhook-id": id, "webhook-timestamp": seconds, "webhook-signature": standard.sign(id, now, body),
  },
  svix: { "svix-id": id, "svix-timestamp": seconds, "svix-signature": svix.sign(id, now, body) },
}));
