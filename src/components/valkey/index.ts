import { serverComponent } from "../redis/server.ts";

export const component = serverComponent("valkey");
