// What a small service on Fastify and better-sqlite3 does with the same requests as castiel-sync serve: tokens checked,
// parameters and bodies validated by schema, tasks kept in SQLite, a new one durable before it is answered.
//
//   node server.mjs --modules FOLDER --database FILE   (JWT_SECRET in the environment)
//
// Prints one line of JSON with its port. It is written to be fast where that does not take anything away from its
// callers: verified tokens are remembered, and a stored task is sent as the text that is stored.
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import path from "node:path";
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
    options: { modules: { type: "string" }, database: { type: "string" } },
});
const require = createRequire(path.join(path.resolve(options.modules), "package.json"));
const Database = require("better-sqlite3");

const database = new Database(options.database);
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL");
database.exec(`
    CREATE TABLE IF NOT EXISTS task (
        tenant TEXT NOT NULL, id TEXT NOT NULL, created_at TEXT NOT NULL, status TEXT NOT NULL,
        integration TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (tenant, id));
    CREATE INDEX IF NOT EXISTS task_by_time ON task (tenant, created_at, id);`);
const insert = database.prepare("INSERT INTO task VALUES (?, ?, ?, ?, ?, ?)");
const read = database.prepare("SELECT body FROM task WHERE tenant = ? AND id = ?").pluck();
const newest = database.prepare("SELECT body, created_at, id FROM task WHERE tenant = ? " +
                                "ORDER BY created_at DESC, id DESC LIMIT ?");
const older = database.prepare("SELECT body, created_at, id FROM task WHERE tenant = ? AND (created_at, id) < (?, ?) " +
                               "ORDER BY created_at DESC, id DESC LIMIT ?");

const application = require("fastify")({
    logger: false,
    requestIdHeader: "x-request-id",
    genReqId: () => randomUUID(),
});
application.register(require("@fastify/jwt"), {
    secret: process.env.JWT_SECRET,
    verify: { algorithms: ["HS256"], cache: 1000 },
});

const refuse = (reply, status, code, message) => reply.code(status).send({ error: { code, message } });

async function authenticate(request, reply) {
    try {
        await request.jwtVerify();
    } catch {
        return refuse(reply, 401, "UNAUTHORIZED", "send a token");
    }
    if (request.headers["x-tenant-id"] !== request.user.tenantId)
        return refuse(reply, 403, "FORBIDDEN", "X-Tenant-ID is not the tenant of the token");
}

const uuid = { type: "string", pattern: "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$" };
const taskBody = {
    type: "object",
    additionalProperties: false,
    required: ["integrationId"],
    properties: {
        integrationId: uuid,
        direction: { type: "string", enum: ["bidirectional", "source_to_target", "target_to_source"] },
        entityType: { type: "string", minLength: 1, maxLength: 255 },
        run: { type: "boolean", default: true },
    },
};
const taskParameters = { type: "object", properties: { id: { type: "string", minLength: 1, maxLength: 128 } } };
const listQuery = {
    type: "object",
    properties: {
        limit: { type: "integer", minimum: 1, maximum: 100, default: 100 },
        cursor: { type: "string", maxLength: 4096 },
    },
};

application.addHook("onSend", async (request, reply) => {
    reply.header("X-Request-ID", request.id);
});

application.get("/health", async () =>
    ({ status: "healthy", service: "fastify", timestamp: new Date().toISOString() }));

const schemaOfTask = { params: taskParameters };
application.get("/api/v1/sync/tasks/:id", { onRequest: authenticate, schema: schemaOfTask }, async (request, reply) => {
    const body = read.get(request.user.tenantId, request.params.id);
    if (body === undefined) return refuse(reply, 404, "NOT_FOUND", "there is no such task");
    return reply.type("application/json").send(body);
});

const schemaOfList = { querystring: listQuery };
application.get("/api/v1/sync/tasks", { onRequest: authenticate, schema: schemaOfList }, async (request, reply) => {
    const { limit, cursor } = request.query;
    let rows;
    if (cursor === undefined) {
        rows = newest.all(request.user.tenantId, limit + 1);
    } else {
        const [createdAt, id] = Buffer.from(cursor, "base64url").toString().split(" ");
        rows = older.all(request.user.tenantId, createdAt, id, limit + 1);
    }
    const more = rows.length > limit;
    if (more) rows.pop();
    const last = rows.at(-1);
    const next = more
        ? `,"nextCursor":"${Buffer.from(`${last.created_at} ${last.id}`).toString("base64url")}"`
        : "";
    return reply.type("application/json").send(`{"items":[${rows.map((row) => row.body).join(",")}]${next}}`);
});

const schemaOfBody = { body: taskBody };
application.post("/api/v1/sync/tasks", { onRequest: authenticate, schema: schemaOfBody }, async (request, reply) => {
    const now = new Date().toISOString();
    const id = randomUUID();
    const tenantId = request.user.tenantId;
    const { integrationId, direction, entityType, run } = request.body;
    const body = JSON.stringify({
        taskId: id, tenantId, integrationId, direction, entityType, trigger: "manual", status: "pending",
        held: run ? undefined : true, attempts: 0, hasMore: false, recordsProcessed: 0, recordsCreated: 0, recordsUpdated: 0,
        recordsDeleted: 0, recordsSkipped: 0, recordsFailed: 0, conflicts: 0, streams: [], createdAt: now,
        updatedAt: now,
    });
    insert.run(tenantId, id, now, "pending", integrationId, body);
    return reply.code(201).header("Location", `/api/v1/sync/tasks/${id}`).type("application/json").send(body);
});

process.on("SIGTERM", async () => {
    await application.close();
    database.close();
    process.exit(0);
});
await application.listen({ host: "127.0.0.1", port: 0 });
console.log(JSON.stringify({ port: application.server.address().port }));
