/* One story: sends the request in the text box, shows what came back, and reports what was done with the cards. */

import { renderCards } from "./cards.js";
import { element } from "./dom.js";
import { renderReviews } from "./review.js";
import { carryOut } from "./suggestions.js";

const REVIEWS = "org.spine-imaging-cds.reviews";

const part = (id) => document.getElementById(id);
const box = part("request");
const { service, fhir } = box.dataset;
const glossary = fetch(box.dataset.glossary).then((answer) => answer.json());

let latest = 0; // an answer that arrives after a newer request was sent is dropped

async function send() {
  const turn = (latest += 1);
  part("status").textContent = "Sending …";
  try {
    const request = JSON.parse(box.value);
    const started = performance.now();
    const answer = await post(service, request);
    const body = await answer.json();
    const words = await glossary;
    if (turn !== latest) return;
    show(answer, body, words, performance.now() - started);
  } catch (fault) {
    if (turn === latest) part("status").textContent = `Not sent: ${fault.message}`;
  }
}

function post(address, body) {
  return fetch(address, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

function show(answer, body, words, milliseconds) {
  part("status").textContent = `HTTP ${answer.status} in ${Math.round(milliseconds)} ms`;
  part("response").textContent = JSON.stringify(body, null, 2);
  if (answer.ok) {
    part("cards").replaceChildren(...renderCards(body.cards, { take, dismiss }));
    part("review").replaceChildren(...renderReviews(body.extension?.[REVIEWS] ?? [], words, fhir));
  } else {
    const said = body.issue?.[0]?.diagnostics ?? "the service did not answer";
    part("cards").replaceChildren(element("p", { class: "silence" }, `No answer: ${said}.`));
    part("review").replaceChildren();
  }
}

async function take(card, suggestion) {
  await report({ card: card.uuid, outcome: "accepted", acceptedSuggestions: [{ id: suggestion.uuid }] });
  box.value = JSON.stringify(carryOut(JSON.parse(box.value), suggestion), null, 2);
  await send();
}

function dismiss(card, reason) {
  const overrideReason = reason && { reason: { code: reason.code, system: reason.system } };
  return report({ card: card.uuid, outcome: "overridden", ...(overrideReason && { overrideReason }) });
}

async function report(feedback) {
  const answer = await post(`${service}/feedback`, { feedback: [{ ...feedback, outcomeTimestamp: new Date().toISOString() }] });
  part("status").textContent = answer.ok ? `Feedback sent: ${feedback.outcome}` : "Feedback was not accepted";
}

part("send").addEventListener("click", send);
document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest" });
send();
