// What backups and the status screen ask of mongodb. Made from stack.yaml by create-stack.
// Run by mongosh in the server's container, or beside a server for a copy; STACK_PART says what is to be done.
const part = process.env.STACK_PART;

function password() {
  return require("fs").readFileSync("/run/secrets/mongodb_stack_admin", "utf8").trim();
}

// The server that backup.sh starts for itself asks nobody for a password.
const login = ["begin", "end"].includes(part) ? "" : `stack_admin:${encodeURIComponent(password())}@`;
db = connect(`mongodb://${login}127.0.0.1:27017/admin?directConnection=true&readPreference=primaryPreferred`);

/** A set of one that knows itself by its own address: changes can be replayed into it, and the copy starts by itself. */
function begin() {
  if (db.hello().isreplicaset) rs.initiate({ _id: "rs0", members: [{ _id: 0, host: "127.0.0.1:27017" }] });
  for (let attempt = 0; attempt < 240; attempt += 1) {
    if (db.hello().isWritablePrimary) return;
    sleep(250);
  }
  console.error("the server has not become primary within a minute");
  quit(1);
}

/** A volume and a copy have the administrator's password of their time; the stack has the one of now. */
function end() {
  const pwd = password();
  const admin = db.getSiblingDB("admin");
  const roles = [{ role: "root", db: "admin" }];
  if (admin.getUser("stack_admin") === null) admin.createUser({ user: "stack_admin", pwd, roles });
  else admin.updateUser("stack_admin", { pwd, roles });
}

/** Documents of every collection. Those of collections that let old ones go are counted together: they become fewer by themselves. */
function count() {
  const found = { keys: 0, expiring: 0, collections: 0, indexes: 0 };
  for (const { name } of db.adminCommand({ listDatabases: 1, nameOnly: true }).databases) {
    if (["admin", "config", "local"].includes(name)) continue;
    const database = db.getSiblingDB(name);
    for (const { name: collection, type } of database.getCollectionInfos()) {
      if (type === "view" || collection.startsWith("system.")) continue;
      const documents = database.getCollection(collection).countDocuments({});
      found.keys += documents;
      found.collections += 1;
      let expires = type === "timeseries";
      if (type === "collection") {
        for (const index of database.getCollection(collection).getIndexes()) {
          found.indexes += 1;
          expires = expires || index.expireAfterSeconds !== undefined;
        }
      }
      if (expires) found.expiring += documents;
      else found[`documents of ${name}.${collection}`] = documents;
    }
  }
  print(JSON.stringify(found));
}

/** For the status screen: who it is, how far back its log of changes reaches, what it warned of when it started. */
function inspect() {
  const told = db.hello();
  const log = db.getSiblingDB("local").getCollection("oplog.rs");
  const [first] = log.find().sort({ $natural: 1 }).limit(1).toArray();
  const [last] = log.find().sort({ $natural: -1 }).limit(1).toArray();
  const hours = first === undefined ? 0 : (last.wall - first.wall) / 3_600_000;
  const facts = {
    role: told.isWritablePrimary ? "primary" : "not primary",
    "log of changes": `${hours.toFixed(1)} hours`,
    version: db.version(),
  };
  const warnings = db.adminCommand({ getLog: "startupWarnings" }).totalLinesWritten;
  if (warnings > 0) facts["warnings at its start"] = `${warnings}: ./prod.sh mongosh --eval 'show("startupWarnings")'`;
  const problems = told.isWritablePrimary
    ? []
    : [{ message: "mongodb takes no writes: it is not primary", hint: "./prod.sh logs mongodb" }];
  print(JSON.stringify({ facts, problems }));
}

if (part === "begin") begin();
if (part === "end") end();
if (part === "count") count();
if (part === "inspect") inspect();
