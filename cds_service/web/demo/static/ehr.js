/* The EHR's part of CDS Hooks: it asks what the service wants to know, looks that up, and calls. */

let discovered;

/** The service's own description, asked for once. */
function discovery() {
  discovered ??= fetch("/cds-services").then((answer) => answer.json());
  return discovered;
}

/**
 * Every prefetch template of the service, filled from the FHIR server. A search that fails is sent as the
 * OperationOutcome it ended in; `failing` names a key that is made to fail.
 */
export async function prefetchFor(service, context, fhir, failing) {
  const { services } = await discovery();
  const { prefetch: templates } = services.find((each) => service.endsWith(`/${each.id}`));
  const found = await Promise.all(
    Object.entries(templates).map(async ([key, template]) => {
      if (failing.includes(key)) return [key, outcome("timeout", "the search did not finish in time")];
      const path = template.replace(/\{\{context\.(\w+)\}\}/g, (whole, name) => context[name] ?? whole);
      if (path.includes("{{")) return undefined;
      const answer = await fetch(`${fhir}/${path}`, { headers: { Accept: "application/fhir+json" } });
      return [key, await answer.json()];
    }),
  );
  return Object.fromEntries(found.filter(Boolean));
}

function outcome(code, diagnostics) {
  return { resourceType: "OperationOutcome", issue: [{ severity: "error", code, diagnostics }] };
}

export function post(address, body) {
  return fetch(address, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

/** The address of a SMART app with a launch that this patient and the link's context belong to. */
export async function launchAddress(link, fhir, patient) {
  const parameters = { patient, smart_messaging_origin: window.location.origin, appContext: link.appContext };
  const answer = await post(`${fhir}/_services/smart/Launch`, { launchUrl: link.url, parameters });
  const { launch_id: launch } = await answer.json();
  const address = new URL(link.url, window.location.href);
  address.searchParams.set("launch", launch);
  address.searchParams.set("iss", new URL(fhir, window.location.href).href);
  return address.href;
}

/** The request as a command for a terminal. Quotes inside the body are written as a shell wants them. */
export function asCurl(address, body) {
  const url = new URL(address, window.location.href).href;
  const data = JSON.stringify(body).replaceAll("'", `'\\''`);
  return `curl -s '${url}' -H 'Content-Type: application/json' -d '${data}'`;
}
