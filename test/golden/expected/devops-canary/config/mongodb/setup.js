// Replica set, users and passwords of mongodb. Made from stack.yaml by create-stack.
// Run by mongosh as the administrator at each start; running it again changes nothing but the passwords, which become
// those of the files under secrets/.
const fs = require("fs");

const wanted = [
  {"name":"backend","secret":"mongodb_backend","roles":[{"role":"readWrite","db":"backend"}]},
  {"name":"stack_monitor","secret":"mongodb_stack_monitor","roles":[{"role":"clusterMonitor","db":"admin"},{"role":"read","db":"local"}]},
];

function stop(message) {
  console.error(message);
  quit(1);
}

function secret(name) {
  const text = fs.readFileSync(`/run/secrets/${name}`, "utf8").trim();
  if (text === "") stop(`the secret ${name} is missing or empty`);
  return text;
}

let admin;
try {
  admin = connect(
    `mongodb://stack_admin:${encodeURIComponent(secret("mongodb_stack_admin"))}@mongodb:27017/admin?directConnection=true`,
  );
} catch (error) {
  if (error.code !== 18) stop(`mongodb does not answer: ${error.message}`);
  stop("mongodb refuses its administrator; if secrets/mongodb_stack_admin was changed: docker compose restart mongodb");
}

// What a command answers, also where it is refused. mongosh waits for what is assigned, and not for what is returned: only
// so the refusal is caught here.
function ask(command) {
  try {
    const answer = admin.runCommand(command);
    return answer;
  } catch (error) {
    return { ok: 0, code: error.code, errmsg: error.message };
  }
}

function must(command) {
  const answer = ask(command);
  if (answer.ok !== 1) stop(`${Object.keys(command)[0]}: ${answer.errmsg}`);
  return answer;
}

// The one member knows itself by an address that is always its own: on another machine, and on a copy that is looked at
// without a network. Apps are told to connect directly.
const self = "127.0.0.1:27017";
const state = ask({ replSetGetStatus: 1 });
if (state.ok !== 1 && state.code === 94) {
  must({ replSetInitiate: { _id: "rs0", members: [{ _id: 0, host: self }] } });
} else if (state.ok !== 1) {
  stop(`the replica set of mongodb cannot be asked: ${state.errmsg}`);
}
let isPrimary = false;
for (let attempt = 0; attempt < 240 && !isPrimary; attempt += 1) {
  isPrimary = admin.runCommand({ hello: 1 }).isWritablePrimary === true;
  if (!isPrimary) sleep(250);
}
if (!isPrimary) stop("mongodb has not become primary within a minute");

// Takes effect on a running server; what the configuration says of it counts for a new one alone.
must({ replSetResizeOplog: 1, size: Double(1024) });

const known = must({ usersInfo: 1 }).users;
const mark = { madeBy: "create-stack" };
for (const { name, secret: file, roles } of wanted) {
  let isKnown = false;
  for (const user of known) isKnown = isKnown || user.user === name;
  const verb = isKnown ? "updateUser" : "createUser";
  must({ [verb]: name, pwd: secret(file), roles, customData: mark, mechanisms: ["SCRAM-SHA-256"] });
}
// Users that stack.yaml no longer knows; those that somebody made by hand stay.
for (const user of known) {
  let isWanted = user.customData === undefined || user.customData.madeBy !== mark.madeBy;
  for (const { name } of wanted) isWanted = isWanted || name === user.user;
  if (!isWanted) must({ dropUser: user.user });
}
