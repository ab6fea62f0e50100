// Opens a shell of mongodb as its administrator. Made from stack.yaml by create-stack.
// Loaded by mongosh in the server's container; the password comes from its file, so that it is no argument.
db = connect(
  `mongodb://stack_admin:${encodeURIComponent(require("fs").readFileSync("/run/secrets/mongodb_stack_admin", "utf8").trim())}` +
    "@127.0.0.1:27017/admin?directConnection=true&readPreference=primaryPreferred",
);
