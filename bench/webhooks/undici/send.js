// Node's undici sends as many signed requests as bench_webhooks, and keeps no record of any.
//
//   node send.js MODULES URL COUNT AT_ONCE
"use strict";
const { createHmac, randomUUID } = require("crypto");
const [modules, url, count, atOnce] = process.argv.slice(2);
const { Pool } = require(`${modules}/undici`);
const pool = new Pool(new URL(url).origin, { connections: Number(atOnce) });
const key = Buffer.alloc(32, 7);
const body = JSON.stringify({
  type: "integration.sync.completed", timestamp: new Date().toISOString(),
  data: { taskId: randomUUID(), executionId: randomUUID(), integrationId: randomUUID(), entityType: "contacts",
          recordsProcessed: 1000, recordsCreated: 10, recordsUpdated: 20, recordsDeleted: 0, recordsSkipped: 970,
          recordsFailed: 0, conflicts: 0, hasMore: false, tenantId: randomUUID(), streamId: "0123456789abcdef" },
});
let begun = 0;

async function send() {
  while (begun < Number(count)) {
    ++begun;
    const id = randomUUID();
    const timestamp = Math.floor(Date.now() / 1000);
    const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
    const answer = await pool.request({
      method: "POST", path: "/", body,
      headers: { "content-type": "application/json", "webhook-id": id, "webhook-timestamp": String(timestamp),
                 "webhook-signature": `v1,${signature}` },
    });
    await answer.body.dump();
  }
}

(async () => {
  const before = process.cpuUsage();
  const started = process.hrtime.bigint();
  await Promise.all(Array.from({ length: Number(atOnce) }, send));
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  const cpu = process.cpuUsage(before);
  const each = (cpu.user + cpu.system) / Number(count);
  const peak = process.resourceUsage().maxRSS / 1024;
  console.log(`| undici, no record | ${count} | 0 % | ${(count / seconds).toFixed(0)} | ${each.toFixed(1)} | – | – | ${peak.toFixed(0)} |`);
  await pool.close();
})();
