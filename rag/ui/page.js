// Runs once for each part of the page that has buttons; `element` is the part, `trigger` tells the server.
const EVENTS = [
  "show", "shut", "judge", "edit", "keep", "reopen", "build", "library", "stop", "undo", "away", "sort", "pages",
  "within", "remove",
];
const STORE = "rag-conversations";
const MOST_KEPT = 30;
const QUIET = matchMedia("(prefers-reduced-motion: reduce)").matches;
const part = element.closest(".block").id;
const question = () => document.querySelector("#question textarea");
// What the parts tell each other; `from` is the button that opened the reader, `returning` the timer that leads back.
const shared = (window.rag ??= {
  save(text) {
    const address = URL.createObjectURL(new Blob([text], { type: "text/markdown" }));
    made("a", { href: address, download: "conversation.md" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  },
});
const made = (tag, properties, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};
// For those who hear the page: parts are replaced as a whole, which no screen reader would read out.
const say = (text) => (document.querySelector("#said").textContent = text);

// Conversations are kept in this browser alone: their questions, which are asked again when one is opened.
const kept = () => {
  try {
    return JSON.parse(localStorage.getItem(STORE)).filter((one) => one?.id && one.questions?.length && one.when);
  } catch {
    return [];
  }
};
const keep = (conversations) => {
  try {
    localStorage.setItem(STORE, JSON.stringify(conversations.slice(0, MOST_KEPT)));
  } catch {} // A browser that keeps nothing: the page works without.
};
const remember = (log) => {
  if (log.querySelector(".searching, .turn.editing")) return;
  const questions = [...log.querySelectorAll(".turn")].map((turn) => turn.dataset.question);
  const others = kept().filter((one) => one.id !== log.dataset.conversation);
  if (questions.length) keep([{ id: log.dataset.conversation, questions, when: new Date().toISOString() }, ...others]);
};
const earlier = () => {
  const items = kept().map(({ id, questions, when }) => {
    const open = made("button", { type: "button", className: "source", textContent: questions[0] });
    open.onclick = () => trigger("reopen", { id, questions });
    const label = `Forget the conversation that begins with: ${questions[0]}`;
    const forget = made("button", { type: "button", className: "link", textContent: "Forget", ariaLabel: label });
    forget.onclick = () => {
      keep(kept().filter((other) => other.id !== id));
      earlier();
      (element.querySelector("button") || question()).focus();
    };
    const more = questions.length > 1 ? `and ${questions.length - 1} more · ` : "";
    return made("li", {}, open, made("span", { textContent: more + when.slice(0, 10) }), forget);
  });
  const heading = made("h2", { textContent: "Earlier conversations in this browser" });
  element.replaceChildren(...(items.length ? [heading, made("ul", {}, ...items)] : []));
};

const copy = async (button) => {
  const done = await navigator.clipboard?.writeText(button.dataset.copy).then(() => "Copied", () => "");
  say((button.textContent = done || "The browser did not allow it"));
  setTimeout(() => (button.textContent = "Copy"), 1500);
};
// Ids of the chosen articles, whether the table shows them or not.
const chosen = new Set();
// Runs `change` without the button moving in its conversation, which gets narrower or wider by it.
const hold = (button, change) => {
  const [log, top] = [button?.closest("#log"), button?.getBoundingClientRect().top];
  change();
  if (!log) return;
  const width = log.clientWidth;
  const watcher = new ResizeObserver(() => {
    if (log.clientWidth === width) return;
    log.scrollTop += button.getBoundingClientRect().top - top;
    watcher.disconnect();
  });
  watcher.observe(log);
  setTimeout(() => watcher.disconnect(), 1000);
};
const expand = (button) => {
  for (const mark of document.querySelectorAll(".mark[aria-expanded=true]")) mark.ariaExpanded = "false";
  if (button?.matches(".mark")) button.ariaExpanded = "true";
};
const back = () => {
  const from = shared.from;
  hold(from, () => trigger("shut", {}));
  expand(null);
  clearInterval(shared.returning);
  // Below the reader of a small window nothing can have the focus before that is gone, and has faded.
  shared.returning = setInterval(() => {
    if (document.querySelector(".reader")) return;
    (from?.isConnected ? from : question())?.focus({ preventScroll: true });
    if (document.activeElement !== document.body) clearInterval(shared.returning);
  }, 50);
};
let pressed = null;
let step = null;
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.copy) return void copy(button);
  const { event: name, ...data } = button.dataset;
  if (!EVENTS.includes(name)) return;
  if (name === "shut") return back();
  pressed = data;
  step = button.matches(".step") ? button.ariaLabel : null;
  const tell = () => trigger(name, button.dataset.chosen ? { ids: [...chosen] } : data);
  if (name === "show") clearInterval(shared.returning);
  if (name === "show" && part !== "reader") {
    shared.from = button;
    expand(button);
    hold(button, tell);
  } else tell();
  if (button.dataset.chosen) chosen.clear();
  if (name === "edit") question()?.focus();
});
element.addEventListener("change", ({ target }) => {
  const boxes = target.dataset.every ? element.querySelectorAll("tbody input") : [target];
  for (const box of boxes) chosen[target.checked ? "add" : "delete"](box.value);
  settle.table();
});
element.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const cite = event.target.closest(".cite");
  if (cite && !cite.matches(".quiet") && !document.querySelector(".reader")) cite.classList.add("quiet");
  else if (document.querySelector(".reader")) back();
});
// A card that would not fit below its line stands above it.
for (const kind of ["pointerover", "focusin"]) {
  element.addEventListener(kind, (event) => {
    const cite = event.target.closest(".cite");
    if (!cite || cite.contains(event.relatedTarget)) return;
    cite.classList.remove("up", "quiet");
    const foot = document.querySelector("#composer").getBoundingClientRect().top;
    cite.classList.toggle("up", cite.querySelector(".card").getBoundingClientRect().bottom > foot);
  });
}

// The turn whose answer was followed to its end.
let followed = "";
const settle = {
  reader() {
    const reader = element.querySelector(".reader");
    if (!reader) return;
    const marked = reader.querySelector("mark");
    const top = marked ? marked.getBoundingClientRect().top - reader.getBoundingClientRect().top + reader.scrollTop : 0;
    reader.scrollTo({ top: Math.max(0, top - reader.clientHeight / 3), behavior: "instant" });
    const again = [...reader.querySelectorAll(".step")].find((button) => button.ariaLabel === step);
    (again || reader.querySelector(".close")).focus({ preventScroll: true });
  },
  log() {
    const log = element.querySelector(".transcript");
    const last = log.querySelector(".turn:last-of-type");
    remember(log);
    shared.earlier?.();
    if (!last) return;
    // An answer that comes is followed; judging or editing an older one moves nothing.
    const turn = `${log.dataset.conversation} ${log.querySelectorAll(".turn").length}`;
    const whole = last.querySelector(".judgement");
    if (whole && followed === turn) return;
    followed = whole ? turn : "";
    last.scrollIntoView({ block: "nearest", behavior: QUIET ? "auto" : "smooth" });
    const said = [...last.querySelectorAll(".sentences, .refusal")].map((text) => text.innerText).join(" ");
    say(whole ? said : "Searching the articles");
  },
  // Rows are reused for other articles: what is chosen is told by their ids, not by their boxes.
  table() {
    const boxes = [...element.querySelectorAll("tbody input")];
    for (const box of boxes) box.checked = chosen.has(box.value);
    if (!boxes.length) return;
    element.querySelector("[data-every]").checked = boxes.every((box) => box.checked);
    element.querySelector(".chosen").dataset.count = chosen.size || "";
  },
  job() {
    if (!element.querySelector("progress")) say(element.innerText);
  },
};
// Gradio leaves these without a name.
const named = { ".submit-button": "Ask", ".stop-button": "Stop" };
const settled = () => {
  for (const kind in named) document.querySelector(kind)?.setAttribute("aria-label", named[kind]);
  settle[part]?.();
  // What would be right is asked below a thumb down.
  const instead = pressed?.judged && element.querySelectorAll(".turn")[pressed.turn]?.querySelector(".instead");
  instead?.scrollIntoView({ block: "nearest" });
  if (instead) pressed = null;
};
if (part === "earlier") {
  shared.earlier = earlier;
  earlier();
}
// The new text is in the page, and the reader has its height, only after the next frames.
watch("value", () => setTimeout(settled, 60));
setTimeout(settled, 60);
