/* Cards as an EHR would show them. */

import { element, webAddress } from "/site/dom.js";
import { renderMarkdown } from "./markdown.js";

const ORDER = ["critical", "warning", "info"];
const LEVELS = { critical: "Critical", warning: "Warning", info: "Information" };

/**
 * `take(card, suggestion)`, `dismiss(card, reason, comment)` and `launch(link)` are called for what the clinician does.
 * `silent` is what stands in place of cards when there are none.
 */
export function renderCards(cards, { take, dismiss, launch, silent }) {
  if (!cards.length) return [element("p", { class: "empty" }, silent)];
  const level = (card) => ORDER.indexOf(card.indicator);
  return [...cards].sort((one, other) => level(one) - level(other)).map((card) => renderCard(card, { take, dismiss, launch }));
}

function renderCard(card, { take, dismiss, launch }) {
  const actions = element("div", { class: "actions" });
  for (const suggestion of card.suggestions ?? []) {
    const look = { type: "button", class: suggestion.isRecommended ? "primary" : undefined };
    actions.append(element("button", { ...look, onclick: () => take(card, suggestion) }, suggestion.label));
  }
  for (const link of card.links ?? []) {
    const href = webAddress(link.url);
    if (href && link.type === "smart") {
      actions.append(element("button", { type: "button", class: "primary", onclick: () => launch(link) }, link.label));
    } else if (href) actions.append(element("a", { href, rel: "noopener noreferrer", target: "_blank" }, link.label));
  }
  const box = element(
    "article",
    { class: `card ${ORDER.includes(card.indicator) ? card.indicator : "info"}`, "data-uuid": card.uuid },
    element("p", { class: "level" }, element("span", { class: "badge" }, LEVELS[card.indicator] ?? card.indicator)),
    element("h3", {}, card.summary),
    card.detail ? renderMarkdown(card.detail) : [],
    actions,
    renderDismissal(card, (reason, comment) => {
      dismiss(card, reason, comment);
      const why = [reason?.display, comment].filter(Boolean).join(": ") || "no reason given";
      box.replaceChildren(element("p", { class: "quiet", tabindex: "-1" }, `Dismissed: ${why}.`));
      box.firstElementChild.focus();
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
  const comment = element("input", { type: "text", placeholder: "In your own words", "aria-label": `Comment to dismiss: ${card.summary}`, maxlength: "200" });
  const press = () => dismissed(choice.value === "" ? undefined : reasons[Number(choice.value)], comment.value.trim());
  const button = element("button", { type: "button", onclick: press }, "Dismiss");
  return element("div", { class: "actions dismissal" }, reasons.length ? [choice, comment] : undefined, button);
}

function renderSource(source) {
  const href = source?.url && webAddress(source.url);
  const label = source?.label ?? "no source";
  const name = href ? element("a", { href, rel: "noopener noreferrer", target: "_blank" }, label) : label;
  return element("p", { class: "source quiet" }, name, source?.topic?.code ? ` · ${source.topic.display ?? source.topic.code}` : "");
}
