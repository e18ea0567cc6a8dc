// Run in a page of any engine: chooses every example in turn and reads the answer that the
// engine computes. Gives [[caption, [[label, probability], ...]], ...].
const until = async (true_) => {
  const end = performance.now() + 60_000;
  while (!true_()) {
    if (performance.now() > end) throw new Error(document.querySelector("#status").textContent);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
const live = () => document.querySelector("#take").dataset.state === "live";
const answers = [];
await until(live);
const { examples } = JSON.parse(document.querySelector("#edgesite-demo").textContent);
const choices = document.querySelectorAll("#examples input");
for (const [index, { caption }] of examples.entries()) {
  choices[index].click();
  await until(() => document.querySelector("#caption").textContent === caption && live());
  const rows = [...document.querySelectorAll("#answer tbody tr")];
  answers.push([
    caption,
    rows.map((row) => [row.querySelector("th").textContent, row.querySelector("td").title]),
  ]);
}
return answers;
