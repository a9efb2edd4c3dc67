/**
 * An event that the definitions take, for a first try by hand.
 *
 * In the flow: receives applications from `catalog.js`, hands an event to the page that asks for the first one.
 * Guarantee: has every required field of its type, with a value of the right kind.
 */

/** @typedef {import('./contract.js').Field} Field */

/** @type {Record<string, unknown>} */
const VALUES = {
  string: 'example',
  integer: 1,
  number: 1.5,
  decimal: 1.5,
  boolean: true,
  time: '2026-01-01T12:00:00Z',
  uuid: '00000000-0000-4000-8000-000000000001',
};

/**
 * @param {import('./contract.js').Application[]} applications
 * @returns {{ type: string, data: Record<string, unknown> }}
 */
export function exampleOf(applications) {
  const [declared] = applications.flatMap((one) => Object.entries(one.event ?? {}));
  if (!declared) return { type: 'hello', data: {} };
  const [type, { data: fields = {} }] = declared;
  /** @type {Record<string, unknown>} */
  const data = {};
  for (const [path, field] of Object.entries(fields)) {
    if (field.required) put(data, path.split('.'), valueOf(field));
  }
  return { type, data };
}

/**
 * One of an event type, whether that is declared or not.
 * @param {import('./contract.js').Application[]} applications
 * @param {string} type
 */
export function exampleOfType(applications, type) {
  const declaring = applications.find((one) => one.event && type in one.event);
  return declaring ? exampleOf([{ ...declaring, event: { [type]: declaring.event?.[type] ?? {} } }]) : { type, data: {} };
}

/** @param {Field} field */
function valueOf({ type, one_of: choices, minimum }) {
  return choices?.[0] ?? minimum ?? VALUES[type] ?? null;
}

/** @param {Record<string, any>} data @param {string[]} path @param {unknown} value */
function put(data, path, value) {
  const [first = '', ...rest] = path;
  if (rest.length) put((data[first] ??= {}), rest, value);
  else data[first] = value;
}
