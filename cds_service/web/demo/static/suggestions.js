/* What an EHR does with a suggestion: it carries out the actions on the draft orders, and the hook fires again. */

/** The request with `suggestion` carried out. The given one is left as it is. */
export function carryOut(request, suggestion) {
  const changed = structuredClone(request);
  const context = changed.context;
  for (const action of suggestion.actions ?? []) {
    if (action.type === "delete") remove(context, [action.resourceId ?? []].flat());
    if (action.type === "create") add(context, action.resource);
    if (action.type === "update") replace(context, action.resource);
  }
  return changed;
}

function referenceOf(resource) {
  return `${resource.resourceType}/${resource.id}`;
}

function remove(context, references) {
  context.draftOrders.entry = context.draftOrders.entry.filter(({ resource }) => !references.includes(referenceOf(resource)));
  if (context.selections) context.selections = context.selections.filter((reference) => !references.includes(reference));
}

function add(context, resource) {
  const made = { ...resource, id: resource.id ?? `suggested-${context.draftOrders.entry.length + 1}` };
  context.draftOrders.entry.push({ resource: made });
  context.selections?.push(referenceOf(made));
}

function replace(context, resource) {
  for (const entry of context.draftOrders.entry) {
    if (referenceOf(entry.resource) === referenceOf(resource)) entry.resource = resource;
  }
}
