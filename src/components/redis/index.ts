import { serverComponent } from "./server.ts";

export const component = serverComponent("redis");
