const style = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; color: #222; }
  h1 { font-size: 1.5rem; } li { margin: .25rem 0; } time, p { color: #666; } input { font: inherit; width: 24rem; max-width: 70%; }
`;

const special = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escape = (text) => text.replace(/[&<>"']/g, (character) => special[character]);

/** The page as HTML. */
export function page(notes, visits) {
  const items = notes.map(
    ({ text, created_at: at }) => `<li>${escape(text)} <time>${at.toISOString().slice(0, 16).replace("T", " ")}</time></li>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>create-stack demo</title>
<style>${style}</style>
<h1>It works</h1>
<p>Visit number ${visits}, served by ${escape(process.env.HOSTNAME ?? "this container")}.</p>
<ul>
${items.join("\n")}
</ul>
<form method="post" action="/notes"><input name="text" required maxlength="500" placeholder="A note"> <button>Add</button></form>
</html>
`;
}
