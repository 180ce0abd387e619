/*
 * scimmy-routers as a careful user would serve it: express, and one durable SQLite file behind the handlers that SCIMMY asks for.
 * The same promises as Vestibule's own storage: WAL, synchronous=FULL, a unique index on the folded userName, statements prepared
 * once, the whole document kept as JSON, the password never kept. Usage: node server.mjs PORT FILE KEY SECRET
 */
import {createHash, randomUUID, timingSafeEqual} from "node:crypto";
import Database from "better-sqlite3";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const [port, file, key, secret] = process.argv.slice(2);

const db = new Database(file);
db.pragma("journal_mode = WAL");
db.pragma("synchronous = FULL");
db.exec(`
    CREATE TABLE IF NOT EXISTS users (
        id TEXT PRIMARY KEY,
        user_name_key TEXT NOT NULL UNIQUE,
        created TEXT NOT NULL,
        modified TEXT NOT NULL,
        document TEXT NOT NULL
    ) WITHOUT ROWID
`);

const byId = db.prepare("SELECT * FROM users WHERE id = ?");
const byName = db.prepare("SELECT * FROM users WHERE user_name_key = ?");
const everyone = db.prepare("SELECT * FROM users ORDER BY created, id");
const insert = db.prepare("INSERT INTO users (id, user_name_key, created, modified, document) VALUES (?, ?, ?, ?, ?) RETURNING *");
const update = db.prepare("UPDATE users SET user_name_key = ?, modified = ?, document = ? WHERE id = ? RETURNING *");
const remove = db.prepare("DELETE FROM users WHERE id = ?");

const fold = (userName) => userName.normalize("NFKC").toLowerCase();
const notFound = (id) => new SCIMMY.Types.Error(404, null, `Resource ${id} not found`);
const asResource = ({id, created, modified, document}) => ({
    ...JSON.parse(document), id, meta: {created: new Date(created), lastModified: new Date(modified)}
});

/* The one filter every identity provider sends: userName eq "..." alone. SCIMMY hands it over parsed. */
function onlyUserName(filter) {
    if (filter.length !== 1) return undefined;
    const [[attribute, expression], ...others] = Object.entries(filter[0]);
    if (others.length || attribute.toLowerCase() !== "username" || !Array.isArray(expression)) return undefined;
    const [comparator, value] = expression;
    return comparator === "eq" && typeof value === "string" ? value : undefined;
}

function read(resource) {
    if (resource.id) {
        const row = byId.get(resource.id);
        if (!row) throw notFound(resource.id);
        return asResource(row);
    }
    if (!resource.filter) return everyone.all().map(asResource);
    const userName = onlyUserName(resource.filter);
    if (userName !== undefined) return byName.all(fold(userName)).map(asResource);
    return resource.filter.match(everyone.all().map(asResource));
}

function write(resource, instance) {
    const {id: _id, meta: _meta, password: _password, ...document} = instance;
    const now = new Date().toISOString();
    try {
        const row = resource.id
            ? update.get(fold(instance.userName), now, JSON.stringify(document), resource.id)
            : insert.get(randomUUID(), fold(instance.userName), now, now, JSON.stringify(document));
        if (!row) throw notFound(resource.id);
        return asResource(row);
    } catch (failure) {
        if (failure.code === "SQLITE_CONSTRAINT_UNIQUE")
            throw new SCIMMY.Types.Error(409, "uniqueness", `userName ${instance.userName} is taken`);
        throw failure;
    }
}

SCIMMY.Resources.declare(SCIMMY.Resources.User)
    .egress(read)
    .ingress(write)
    .degress((resource) => {
        if (!remove.run(resource.id).changes) throw notFound(resource.id);
    });

const digest = (text) => createHash("sha256").update(text).digest();
const wanted = digest(`Basic ${Buffer.from(`${key}:${secret}`).toString("base64")}`);

const app = express();
app.disable("x-powered-by");
app.disable("etag"); // express would hash every body otherwise
app.use("/scim/v2", new SCIMMYRouters({
    type: "basic",
    handler: (request) => {
        if (!timingSafeEqual(digest(request.header("Authorization") ?? ""), wanted)) throw new Error("Wrong key or secret");
    }
}));

const server = app.listen(Number(port), "127.0.0.1");
process.on("SIGTERM", () => {
    server.closeAllConnections();
    server.close(() => { db.close(); process.exit(0); });
});
