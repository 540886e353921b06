// The program of the clients' process: for each message, all its bodies are posted at once, and what is streamed is put together.

/** An ECMAScript module. */
export const clientProgram = `
const ask = async (url, body) => {
  const beganMs = performance.now();
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(response.status + ": " + (await response.text()));
  let text = "";
  let firstTokenMs;
  let rest = "";
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split("\\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: {")) continue;
      const { choices } = JSON.parse(line.slice(6));
      firstTokenMs ??= performance.now() - beganMs;
      text += choices[0]?.text ?? "";
    }
  }
  return { text, firstTokenMs };
};
process.on("message", async ({ url, bodies }) => {
  const beganMs = performance.now();
  try {
    const answers = await Promise.all(bodies.map((body) => ask(url, body)));
    process.send({
      texts: answers.map(({ text }) => text),
      firstTokenMs: answers.map(({ firstTokenMs }) => firstTokenMs),
      elapsedMs: performance.now() - beganMs,
    });
  } catch (error) {
    process.send({ error: String(error) });
  }
});
`;
