/* What an EHR does with a suggestion: it carries out the actions on the draft orders, and the hook fires again. */

/** The orders with `suggestion` carried out, deletes first. The given ones are left as they are. */
export function carryOut(orders, suggestion) {
  const rank = { delete: 0, create: 1, update: 2 };
  const actions = [...(suggestion.actions ?? [])].sort((one, other) => rank[one.type] - rank[other.type]);
  return actions.reduce(apply, orders);
}

function apply(orders, { type, resource, resourceId }) {
  if (type === "delete") return orders.filter((order) => referenceOf(order) !== resourceId);
  if (type === "update") return orders.map((order) => (referenceOf(order) === referenceOf(resource) ? resource : order));
  const taken = new Set(orders.map((order) => order.id));
  let number = 1;
  while (taken.has(`suggested-${number}`)) number += 1;
  return [...orders, { ...resource, id: resource.id ?? `suggested-${number}` }];
}

function referenceOf(resource) {
  return `${resource.resourceType}/${resource.id}`;
}
