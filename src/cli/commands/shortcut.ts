export async function run(): Promise<"done"> {
  return "done";
}
