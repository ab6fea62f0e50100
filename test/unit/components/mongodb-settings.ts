/**
 * Settings of mongod.conf that MongoDB 7.0 and 8.0 document, with the kind of their value:
 * https://www.mongodb.com/docs/manual/reference/configuration-options/
 */
export const documentedOptions: Record<string, "text" | "number" | "boolean" | readonly string[]> = {
  "storage.dbPath": "text",
  "storage.directoryPerDB": "boolean",
  "storage.syncPeriodSecs": "number",
  "storage.engine": ["wiredTiger", "inMemory"],
  "storage.wiredTiger.engineConfig.cacheSizeGB": "number",
  "storage.wiredTiger.engineConfig.journalCompressor": ["none", "snappy", "zlib", "zstd"],
  "storage.wiredTiger.collectionConfig.blockCompressor": ["none", "snappy", "zlib", "zstd"],
  "net.port": "number",
  "net.bindIp": "text",
  "net.maxIncomingConnections": "number",
  "net.ipv6": "boolean",
  "net.unixDomainSocket.enabled": "boolean",
  "net.unixDomainSocket.pathPrefix": "text",
  "security.authorization": ["enabled", "disabled"],
  "security.keyFile": "text",
  "security.clusterAuthMode": ["keyFile", "sendKeyFile", "sendX509", "x509"],
  "security.javascriptEnabled": "boolean",
  "replication.replSetName": "text",
  "replication.oplogSizeMB": "number",
  "operationProfiling.mode": ["off", "slowOp", "all"],
  "operationProfiling.slowOpThresholdMs": "number",
  "operationProfiling.slowOpSampleRate": "number",
};

/** Options of these programs that their documentation names; a script may call them with no other. */
export const documentedFlags: Record<string, readonly string[]> = {
  mongod: [
    "--config",
    "--dbpath",
    "--bind_ip",
    "--port",
    "--replSet",
    "--oplogSize",
    "--wiredTigerCacheSizeGB",
    "--nounixsocket",
    "--fork",
    "--logpath",
    "--pidfilepath",
    "--shutdown",
  ],
  mongosh: ["--quiet", "--norc", "--nodb", "--file", "--eval", "--shell"],
  mongodump: ["--config", "--oplog", "--gzip", "--archive"],
  mongorestore: ["--quiet", "--host", "--port", "--gzip", "--archive", "--oplogReplay"],
};
