/* The draft orders as a form: a study, its reasons, and what the last suggestion changed. */

import { element } from "/site/dom.js";
import { combobox } from "./combobox.js";

/** One block for each order. `changed(order, how)` is called after an edit; `how` is "edited" or "removed". */
export function renderOrders(orders, orderable, touched, changed) {
  if (!orders.length) return [element("p", { class: "empty" }, "No draft order.")];
  return orders.map((order, at) => renderOrder(order, at, orderable, touched, changed));
}

function renderOrder(order, at, orderable, touched, changed) {
  const title = `Order ${at + 1}`;
  const study = nameOf(order.code);
  const edit = (members) => changed(Object.assign(order, members), "edited");
  const reasons = order.reasonCode ?? [];
  const chips = reasons.map((reason, place) => {
    const remove = () => edit({ reasonCode: reasons.filter((_, other) => other !== place) });
    const label = nameOf(reason);
    return element("li", {}, label, element("button", { type: "button", class: "quiet", "aria-label": `Remove reason: ${label}`, onclick: remove }, "×"));
  });
  const head = element(
    "div",
    { class: "order-head" },
    element("h3", {}, title),
    touched.has(order.id) ? element("span", { class: "badge good" }, "changed by the suggestion") : undefined,
    element("button", { type: "button", class: "quiet", "aria-label": `Remove ${title.toLowerCase()}`, onclick: () => changed(order, "removed") }, "Remove"),
  );
  return element(
    "article",
    { class: `order${touched.has(order.id) ? " touched" : ""}`, "aria-label": title, "data-id": order.id },
    head,
    combobox({
      label: "Study", text: study, hint: "Type a name or a code", options: orderable.studies,
      picked: (option) => edit({ code: structuredClone(option.code), bodySite: undefined }),
    }),
    element(
      "div",
      { class: "reasons" },
      element("div", {}, element("p", { class: "label" }, "Reasons"), chips.length ? element("ul", { class: "chips" }, chips) : element("p", { class: "quiet" }, "None on this order")),
      combobox({
        label: "Add a reason", hint: "A diagnosis or ICD-10 code", options: orderable.reasons,
        picked: (option) => edit({ reasonCode: [...reasons, structuredClone(option.code)] }),
      }),
    ),
  );
}

/** What a person reads for a CodeableConcept: its text with the first code. */
function nameOf(concept) {
  const coding = concept?.coding?.[0];
  const words = concept?.text ?? coding?.display;
  if (!words) return coding?.code ?? "";
  return coding?.code ? `${words} (${coding.code})` : words;
}
