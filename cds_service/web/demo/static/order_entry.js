/* The order-entry screen: drafts are edited, the hook fires, cards are shown, taken or dismissed, and the hook fires again. */

import { element } from "/site/dom.js";
import { renderCards } from "./cards.js";
import { asCurl, launchAddress, post, prefetchFor } from "./ehr.js";
import { renderOrders } from "./orders.js";
import { carryOut } from "./suggestions.js";
import { renderWhy } from "./why.js";

const REVIEWS = "org.spine-imaging-cds.reviews";
const SELECT = "order-select";
const SIGN = "order-sign";

const part = (id) => document.getElementById(id);
const place = part("workplace").dataset;
const services = { [SELECT]: place.orderSelect, [SIGN]: place.orderSign };
const [start, words, orderable] = await Promise.all([place.start, place.glossary, place.orderable].map((address) => fetch(address).then((answer) => answer.json())));

let orders = structuredClone(start.drafts);
let touched = new Set(); // orders that the last suggestion changed
let sent; // {address, body} of the last call
let latest = 0; // an answer that arrives after a newer request was sent is dropped
let added = 0;

// -- the drafts ----------------------------------------------------------------------------------------------------------

function showOrders() {
  part("orders").replaceChildren(...renderOrders(orders, orderable, touched, edited));
}

function edited(order, how) {
  touched = new Set();
  if (how === "removed") orders = orders.filter((each) => each !== order);
  showOrders();
  document.querySelector(`[data-id="${CSS.escape(order.id)}"] input`)?.focus({ preventScroll: true });
  fire(SELECT, how === "removed" ? undefined : [order]);
}

function addOrder() {
  const { subject, requester, encounter } = start.drafts[0];
  added += 1;
  orders.push({ resourceType: "ServiceRequest", id: `added-${added}`, status: "draft", intent: "order", subject, requester, encounter, authoredOn: start.written });
  showOrders();
  part("orders").lastElementChild.querySelector("input").focus();
}

function restart() {
  orders = structuredClone(start.drafts);
  touched = new Set();
  showOrders();
  fire(place.hook);
}

// -- the hook ------------------------------------------------------------------------------------------------------------

/** Fires the hook for `selected` orders; for all of them when none are named. */
async function fire(hook, selected = orders) {
  const turn = (latest += 1);
  const drafts = orders.filter((order) => order.code);
  const chosen = selected.filter((order) => order.code);
  if (!chosen.length) return clear("No study is ordered yet.");
  part("status").textContent = `${hook} …`;
  try {
    const { body, looking } = await request(hook, drafts, chosen);
    const started = performance.now();
    const answer = await post(services[hook], body);
    const response = await answer.json();
    const took = performance.now() - started;
    if (turn !== latest) return;
    sent = { address: services[hook], body };
    part("request").textContent = JSON.stringify(body, null, 2);
    part("response").textContent = JSON.stringify(response, null, 2);
    const searched = looking === undefined ? "chart left to the service" : `chart gathered in ${looking} ms`;
    part("status").textContent = `${hook}: HTTP ${answer.status} in ${Math.round(took)} ms, ${searched}`;
    showAnswer(hook, answer.ok, response);
    if (answer.ok) await explain(body, response, turn);
  } catch (fault) {
    if (turn === latest) clear(`The EHR could not ask: ${fault.message}`);
  }
}

async function request(hook, drafts, chosen) {
  const context = { userId: start.user, patientId: start.patient };
  if (start.encounter) context.encounterId = start.encounter;
  if (hook === SELECT) context.selections = chosen.map((order) => `ServiceRequest/${order.id}`);
  context.draftOrders = { resourceType: "Bundle", type: "collection", entry: drafts.map((resource) => ({ resource })) };
  const body = { hookInstance: crypto.randomUUID(), hook, fhirServer: new URL(place.fhir, window.location.href).href, context };
  if (!part("prefetch").checked) return { body };
  const failing = part("failing").value ? [part("failing").value] : start.unreadable;
  const started = performance.now();
  body.prefetch = await prefetchFor(services[hook], context, place.fhir, failing);
  return { body, looking: Math.round(performance.now() - started) };
}

function showAnswer(hook, ok, response) {
  if (!ok) return clear(`No answer: ${response.issue?.[0]?.diagnostics ?? "the service failed"}.`);
  const silent = hook === SIGN ? "No card: the orders are signed and the clinician goes on." : "No card: the clinician goes on ordering.";
  part("cards").replaceChildren(...renderCards(response.cards, { take, dismiss, launch, silent }));
}

async function explain(body, response, turn) {
  const answer = await post(place.why, body);
  const explained = await answer.json();
  if (turn !== latest) return;
  const stages = Object.entries(explained.milliseconds ?? {}).map(([stage, took]) => `${stage} ${took.toFixed(1)} ms`);
  part("review").replaceChildren(
    ...renderWhy(response.extension?.[REVIEWS] ?? [], explained, words, place.fhir),
    element("p", { class: "quiet" }, `Inside the service: ${stages.join(", ")}.`),
  );
}

function clear(said) {
  part("status").textContent = "";
  part("cards").replaceChildren(element("p", { class: "empty" }, said));
  part("review").replaceChildren();
}

// -- what the clinician does with a card ---------------------------------------------------------------------------------

async function take(card, suggestion) {
  const { hook } = sent.body;
  await report({ card: card.uuid, outcome: "accepted", acceptedSuggestions: [{ id: suggestion.uuid }] });
  const before = new Map(orders.map((order) => [order.id, JSON.stringify(order)]));
  orders = carryOut(orders, suggestion);
  touched = new Set(orders.filter((order) => before.get(order.id) !== JSON.stringify(order)).map((order) => order.id));
  showOrders();
  await fire(hook);
  part("cards-title").focus();
}

function dismiss(card, reason, comment) {
  const overrideReason = {
    ...(reason && { reason: { code: reason.code, system: reason.system } }),
    ...(comment && { userComment: comment }),
  };
  const why = Object.keys(overrideReason).length ? { overrideReason } : {};
  return report({ card: card.uuid, outcome: "overridden", ...why });
}

/** Opens the app in a tab of its own; whoever comes back from it gets the hook fired again. */
async function launch(link) {
  const tab = window.open("", "_blank"); // before anything is awaited, or the browser takes it for an advertisement
  const address = await launchAddress(link, place.fhir, start.patient);
  if (!tab) return window.location.assign(address);
  tab.location.replace(address);
  window.addEventListener("focus", () => fire(sent.body.hook), { once: true });
}

async function report(feedback) {
  const answer = await post(`${sent.address}/feedback`, { feedback: [{ ...feedback, outcomeTimestamp: new Date().toISOString() }] });
  part("status").textContent = answer.ok ? `Feedback sent: ${feedback.outcome}` : "Feedback was not accepted";
}

// -- wiring --------------------------------------------------------------------------------------------------------------

async function copy() {
  await navigator.clipboard.writeText(asCurl(sent.address, sent.body));
  part("copied").textContent = "Copied";
}

part("cards-title").tabIndex = -1;
part("add").addEventListener("click", addOrder);
part("restart").addEventListener("click", restart);
part("check").addEventListener("click", () => fire(SELECT));
part("sign").addEventListener("click", () => fire(SIGN));
part("copy").addEventListener("click", copy);
for (const id of ["failing", "prefetch"]) part(id).addEventListener("change", () => fire(sent?.body.hook ?? SELECT));
showOrders();
fire(place.hook);
