/* Cards as an EHR would show them. */

import { element, webAddress } from "./dom.js";
import { renderMarkdown } from "./markdown.js";

const ORDER = ["critical", "warning", "info"];

/** `take(card, suggestion)` and `dismiss(card, reason)` are called for what the clinician does. */
export function renderCards(cards, { take, dismiss }) {
  if (!cards.length) return [element("p", { class: "silence" }, "No card: the EHR shows nothing and the clinician goes on.")];
  const level = (card) => ORDER.indexOf(card.indicator);
  return [...cards].sort((one, other) => level(one) - level(other)).map((card) => renderCard(card, { take, dismiss }));
}

function renderCard(card, { take, dismiss }) {
  const actions = element("div", { class: "actions" });
  for (const suggestion of card.suggestions ?? []) {
    const look = { type: "button", class: suggestion.isRecommended ? "recommended" : undefined };
    actions.append(element("button", { ...look, onclick: () => take(card, suggestion) }, suggestion.label));
  }
  for (const link of card.links ?? []) {
    const href = webAddress(link.url);
    if (href) actions.append(element("a", { href, rel: "noopener noreferrer", target: "_blank" }, link.label));
  }
  const box = element(
    "article",
    { class: `card ${ORDER.includes(card.indicator) ? card.indicator : "info"}`, "data-uuid": card.uuid },
    element("p", { class: "level" }, card.indicator),
    element("h3", {}, card.summary),
    card.detail ? renderMarkdown(card.detail) : [],
    actions,
    renderDismissal(card, (reason) => {
      dismiss(card, reason);
      box.replaceChildren(element("p", { class: "quiet" }, `Dismissed: ${reason?.display ?? "no reason given"}.`));
    }),
    renderSource(card.source),
  );
  return box;
}

function renderDismissal(card, dismissed) {
  const reasons = card.overrideReasons ?? [];
  const choice = element(
    "select",
    { "aria-label": `Reason to dismiss: ${card.summary}` },
    element("option", { value: "" }, "without a reason"),
    reasons.map((reason, at) => element("option", { value: String(at) }, reason.display)),
  );
  const press = () => dismissed(choice.value === "" ? undefined : reasons[Number(choice.value)]);
  return element("div", { class: "actions" }, reasons.length ? choice : undefined, element("button", { type: "button", onclick: press }, "Dismiss"));
}

function renderSource(source) {
  const href = source?.url && webAddress(source.url);
  const label = source?.label ?? "no source";
  const name = href ? element("a", { href, rel: "noopener noreferrer", target: "_blank" }, label) : label;
  return element("p", { class: "source quiet" }, name, source?.topic?.code ? ` · ${source.topic.display ?? source.topic.code}` : "");
}
