import { parseImage } from "../stack/fields.ts";
import type { StackModel } from "../stack/model.ts";
import { messageOf, StackError } from "../support/errors.ts";

/** Path in the stack's directory. */
export const imageLockPath = "images.lock.json";

/** Image as stack.yaml and the components write it (`postgres:18.6-trixie`) to the digest that its tag led to. */
export type ImageLock = Readonly<Record<string, string>>;

const digestShape = /^sha256:[a-f0-9]{64}$/;

/** Reads the text of images.lock.json; no text is an empty lock. Throws where it is not one: it decides what runs. */
export function parseImageLock(text: string | undefined): ImageLock {
  if (text === undefined) return {};
  const broken = (message: string) =>
    new StackError({
      code: "image-lock-broken",
      exit: "invalidInput",
      message: `${imageLockPath} ${message}`,
      hint: `take back your edit, or remove the file and run ./prod.sh lock`,
    });
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw broken(`is not JSON: ${messageOf(error)}`);
  }
  const { format, images } = (data ?? {}) as { format?: unknown; images?: unknown };
  if (format !== 1) throw broken("is of another format than this program writes");
  if (typeof images !== "object" || images === null) throw broken("has no images");
  for (const [reference, digest] of Object.entries(images)) {
    if (typeof digest !== "string" || !digestShape.test(digest))
      throw broken(`says for ${reference} what is no digest; expected sha256: and 64 hex digits`);
  }
  return images as ImageLock;
}

/** The text of images.lock.json: sorted, so that a difference shows what moved. */
export function printImageLock(lock: ImageLock): string {
  const images = Object.fromEntries(Object.entries(lock).sort(([a], [b]) => (a < b ? -1 : 1)));
  return `${JSON.stringify({ format: 1, images }, null, 2)}\n`;
}

/** Images of a model that a lock can pin: each once, sorted, without those that stack.yaml pins itself. */
export function lockableImages(model: Pick<StackModel, "services">): string[] {
  const images = model.services.map((service) => service.image).filter((image) => isLockable(image));
  return [...new Set(images)].sort();
}

/** The model with each image at the digest that the lock knows for it. An entry for another tag says nothing. */
export function applyImageLock<Model extends Pick<StackModel, "services">>(model: Model, lock: ImageLock): Model {
  const services = model.services.map((service) => {
    const digest = Object.hasOwn(lock, service.image) && isLockable(service.image) ? lock[service.image] : undefined;
    return digest === undefined ? service : { ...service, image: `${service.image}@${digest}` };
  });
  return { ...model, services };
}

function isLockable(reference: string): boolean {
  const image = parseImage(reference);
  return image?.tag !== undefined && image.digest === undefined;
}
