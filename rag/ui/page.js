// Runs once for each part of the page that has buttons; `element` is the part, `trigger` tells the server.
const EVENTS = [
  "show", "shut", "judge", "edit", "keep", "reopen", "build", "library", "stop", "undo", "away", "sort", "pages",
  "within", "remove",
];
const STORE = "rag-conversations";
const MOST_KEPT = 30;
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
const behavior = still ? "auto" : "smooth";

// Conversations are kept in this browser alone: their questions, which are asked again when one is opened.
const kept = () => {
  try {
    const found = JSON.parse(localStorage.getItem(STORE) || "[]");
    return Array.isArray(found) ? found : [];
  } catch {
    return [];
  }
};
const keep = (conversations) => {
  try {
    localStorage.setItem(STORE, JSON.stringify(conversations.slice(0, MOST_KEPT)));
  } catch {
    // A browser that keeps nothing: the page works without.
  }
};
const remember = () => {
  const log = element.querySelector(".transcript");
  if (!log || element.querySelector(".searching, .turn.editing")) return;
  const questions = [...log.querySelectorAll(".turn")].map((turn) => turn.dataset.question);
  const others = kept().filter((one) => one.id !== log.dataset.conversation);
  if (questions.length) keep([{ id: log.dataset.conversation, questions, when: new Date().toISOString() }, ...others]);
};
const made = (tag, properties, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
};
const showEarlier = () => {
  const log = element.querySelector(".transcript");
  element.querySelector(".earlier")?.remove();
  if (!log || log.querySelector(".turn") || !kept().length) return;
  const items = kept().map((one) => {
    const open = made("button", { type: "button", className: "source", textContent: one.questions[0] });
    open.onclick = () => trigger("reopen", { id: one.id, questions: one.questions });
    const label = `Forget the conversation that begins with: ${one.questions[0]}`;
    const forget = made("button", { type: "button", className: "link", textContent: "Forget", ariaLabel: label });
    forget.onclick = () => {
      keep(kept().filter((other) => other.id !== one.id));
      showEarlier();
    };
    const count = one.questions.length > 1 ? ` and ${one.questions.length - 1} more` : "";
    return made("li", {}, open, made("span", { textContent: `${count} · ${one.when.slice(0, 10)} ` }), forget);
  });
  const heading = made("h2", { textContent: "Earlier conversations in this browser" });
  log.after(made("div", { className: "earlier" }, heading, made("ul", {}, ...items)));
};

const copy = async (button) => {
  const said = button.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  } catch {
    button.textContent = "The browser did not allow it";
  }
  setTimeout(() => (button.textContent = said), 1500);
};
window.rag = {
  // The button that opened the reader, to come back to.
  from: null,
  save(text) {
    const address = URL.createObjectURL(new Blob([text], { type: "text/markdown" }));
    made("a", { href: address, download: "conversation.md" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  },
  ...window.rag,
};

const chosen = () => [...element.querySelectorAll("tbody input:checked")].map((box) => box.value);
const back = () => {
  trigger("shut", {});
  const from = window.rag.from;
  if (from?.isConnected) from.focus();
  else document.querySelector("#question textarea")?.focus();
};
let pressed = null;
element.addEventListener("click", (event) => {
  const every = event.target.closest("input[data-every]");
  if (every) for (const box of element.querySelectorAll("tbody input")) box.checked = every.checked;
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.copy) return void copy(button);
  const { event: name, ...data } = button.dataset;
  if (!EVENTS.includes(name)) return;
  if (name === "shut") return back();
  if (name === "show" && !element.querySelector(".reader")) window.rag.from = button;
  pressed = JSON.stringify(button.dataset);
  trigger(name, button.dataset.chosen ? { ids: chosen() } : data);
  if (name === "edit") document.querySelector("#question textarea")?.focus();
});
element.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && element.querySelector(".reader")) back();
});

const settle = () => {
  const reader = element.querySelector(".reader");
  if (reader) {
    const marked = reader.querySelector("mark");
    const top = marked ? marked.getBoundingClientRect().top - reader.getBoundingClientRect().top + reader.scrollTop : 0;
    reader.scrollTo({ top: Math.max(0, top - reader.clientHeight / 3), behavior });
    const again = [...reader.querySelectorAll(".step")].find((step) => step.ariaLabel === window.rag.step);
    (again || reader.querySelector(".close")).focus({ preventScroll: true });
    return;
  }
  if (pressed && document.activeElement === document.body) {
    [...element.querySelectorAll("button")].find((button) => JSON.stringify(button.dataset) === pressed)?.focus();
  }
  if (!element.querySelector(".transcript")) return;
  remember();
  showEarlier();
  element.querySelector(".turn:last-child")?.scrollIntoView({ block: "nearest", behavior });
};
element.addEventListener("click", (event) => {
  const step = event.target.closest(".step");
  window.rag.step = step ? step.ariaLabel : null;
});
// The new text is in the page, and the reader has its height, only after the next frames.
watch("value", () => setTimeout(settle, 120));
setTimeout(settle, 120);
