/* The machine-readable review beside the cards: what was decided, by which criteria, on which facts. */

import { chartLink, element } from "./dom.js";

const SAYS = {
  supported: "Supported",
  not_supported: "Not supported",
  needs_information: "Needs information",
  governed_elsewhere: "Governed by another guideline",
  no_guideline: "No guideline speaks of it",
};

export function renderReviews(reviews, glossary, fhir) {
  if (!reviews.length) return [element("p", { class: "silence" }, "No order of this request was reviewed.")];
  return reviews.map((review) => renderReview(review, glossary, fhir));
}

function renderReview(review, glossary, fhir) {
  const study = glossary.studies[review.study?.id] ?? review.study?.id ?? review.order;
  const sections = (review.sections ?? []).map((id) => (glossary.sections[id] ? `${id} ${glossary.sections[id]}` : id));
  return element(
    "div",
    { class: "review" },
    element("h3", {}, study, review.study?.code ? ` (${review.study.code})` : ""),
    element("p", { class: "verdict" }, SAYS[review.determination] ?? review.determination),
    sections.length ? element("p", { class: "quiet" }, sections.join("; ")) : undefined,
    listed("Criteria", review.criteria, (each) => criterion(each.id, glossary, each.result), "criteria"),
    listed("Still to be shown", review.asks_for, (ref) => fact(ref, glossary, 1)),
    listed("Still to do", review.steps, (id) => criterion(id, glossary)),
    listed("Alternatives", review.alternatives, (each) => alternative(each, glossary)),
    listed("Would change the answer", review.unless, (ref) => fact(ref, glossary, 0)),
    listed("Evidence", review.evidence, (each) => evidence(each, glossary, fhir)),
    listed("Notes", review.notes, (id) => criterion(id, glossary)),
    listed("Could not be read", review.not_read, (type) => [type]),
    listed("Could not be understood", review.unreadable, (reference) => [chartLink(reference, fhir)]),
    listed("Left out: another patient's", review.foreign, (reference) => [reference]),
    listed("Judged by", review.guidelines, (each) => [`${glossary.documents[each.id] ?? each.id}, ${each.version}`]),
    review.edition_note ? element("p", { class: "quiet" }, review.edition_note) : undefined,
  );
}

function listed(title, items, show, look = "plain") {
  if (!items?.length) return undefined;
  return [element("h4", {}, title), element("ul", { class: look }, items.map((item) => element("li", {}, show(item))))];
}

function criterion(id, glossary, result) {
  const verdict = result && element("span", { class: `result ${result}` }, result.replaceAll("_", " "));
  return [verdict, element("span", {}, glossary.criteria[id] ?? "", " ", element("span", { class: "id" }, id))];
}

/** `form` 0: the statement, 1: the question. */
function fact(ref, glossary, form) {
  return [glossary.facts[ref]?.[form] ?? "", " ", element("span", { class: "id" }, ref)];
}

function alternative(each, glossary) {
  const name = each.study === "none_yet" ? "No imaging yet" : (glossary.studies[each.study] ?? each.study);
  const until = each.until ? ` until ${each.until}` : "";
  return [`${name}${until}`, each.code ? ` (${each.code})` : "", " ", element("span", { class: "id" }, each.because)];
}

function evidence(each, glossary, fhir) {
  const sources = (each.sources ?? []).flatMap((reference) => [" ", chartLink(reference, fhir)]);
  const words = glossary.facts[each.fact]?.[0] ?? "";
  return [words, words ? ": " : "", element("strong", {}, said(each.value)), sources, " ", element("span", { class: "id" }, each.fact)];
}

function said(value) {
  if (value === true) return "yes";
  if (value === false) return "no";
  if (value === undefined || value === null) return "not known";
  if (typeof value === "number") return String(Math.round(value * 100) / 100);
  if (typeof value === "object" && !Array.isArray(value)) {
    return value.high === undefined ? `at least ${said(value.low)}` : `${said(value.low)} to ${said(value.high)}`;
  }
  return String(value);
}
