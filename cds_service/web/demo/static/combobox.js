/* A text field that searches a list, after the ARIA pattern "editable combobox with list autocomplete". */

import { element } from "/site/dom.js";

const MOST = 12;
let made = 0;

/** A field with its label. `options` are {label, short}; `picked(option)` is called for the one chosen. */
export function combobox({ label, text, hint, options, picked }) {
  const id = `combo-${(made += 1)}`;
  const list = element("ul", { id: `${id}-list`, role: "listbox", "aria-label": `${label}: what fits`, class: "options", hidden: true });
  const input = element("input", {
    id, type: "text", value: text, placeholder: hint, role: "combobox", autocomplete: "off", spellcheck: "false",
    "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id,
  });
  let shown = [];
  let active = -1;

  const close = () => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    active = -1;
  };
  const choose = (option) => {
    input.value = text ?? "";
    close();
    picked(option);
  };
  const mark = (at) => {
    active = (at + shown.length) % shown.length;
    [...list.children].forEach((each, place) => each.setAttribute("aria-selected", String(place === active)));
    input.setAttribute("aria-activedescendant", list.children[active].id);
    list.children[active].scrollIntoView({ block: "nearest" });
  };
  const open = (query) => {
    shown = matching(options, query);
    list.replaceChildren(
      ...shown.map((option, at) => {
        const item = element("li", { id: `${list.id}-${at}`, role: "option", "aria-selected": "false" }, option.label, " ", element("span", { class: "id" }, option.short));
        item.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
        item.addEventListener("click", () => choose(option));
        return item;
      }),
    );
    active = -1;
    list.hidden = !shown.length;
    input.setAttribute("aria-expanded", String(shown.length > 0));
  };

  input.addEventListener("focus", () => input.select());
  input.addEventListener("input", () => open(input.value));
  input.addEventListener("blur", () => {
    input.value = text ?? "";
    close();
  });
  input.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps) {
      event.preventDefault();
      if (list.hidden) open(input.value === text ? "" : input.value);
      if (shown.length) mark(active < 0 && event.key === "ArrowUp" ? -1 : active + steps[event.key]);
    } else if (event.key === "Enter" && !list.hidden) {
      event.preventDefault();
      choose(shown[Math.max(active, 0)]);
    } else if (event.key === "Escape") {
      close();
    }
  });
  return element("div", { class: "field combo" }, element("label", { for: id }, label), input, list);
}

/** The options that hold every word of the query; those that begin with it first. */
export function matching(options, query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = options.filter((option) => {
    const said = `${option.label} ${option.short}`.toLowerCase();
    return words.every((word) => said.includes(word));
  });
  const begins = (option) => `${option.label} ${option.short}`.toLowerCase().startsWith(words[0] ?? "");
  return [...fits.filter(begins), ...fits.filter((option) => !begins(option))].slice(0, MOST);
}
