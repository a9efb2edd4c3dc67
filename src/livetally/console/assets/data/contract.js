/**
 * The shapes of what the server says, as types only; the one place that knows the API's field names.
 *
 * In the flow: read by the type check and by people, never by the browser's work.
 * Guarantee: a field used anywhere in the console is described here.
 *
 * @typedef {number | string | null} Value
 *   A statistic. A string holds digits that a double would round; null says that there were no events.
 *
 * @typedef {{ value: Value, time?: string, ms?: number, [dimension: string]: unknown }} Row
 *   One bucket: `time` is its start with the offset of the asked zone; dimensions stand by name. `ms` is the same
 *   instant as a number, read once by `live.js`.
 *
 * @typedef {object} Metric
 * @property {string} name
 * @property {string} [title]
 * @property {string} [description]
 * @property {string} [unit]
 * @property {string} aggregate one of count sum avg min max unique latest first p50 p90 p95 p99 ratio
 * @property {string[]} by
 * @property {string} [application]
 * @property {number | null} [decimals]
 * @property {boolean} [approximate]
 * @property {[string, string]} [ratio] the metrics above and below the line
 *
 * @typedef {object} Panel as a definition declares it
 * @property {'number' | 'line' | 'bar' | 'table' | 'top' | 'entities'} kind
 * @property {string[]} [metric]
 * @property {string} [entity]
 * @property {string[]} [by]
 * @property {string[]} [where] as `field:value`
 * @property {string} [interval]
 * @property {number} [limit]
 * @property {string} [title]
 * @property {number} [width] columns of twelve
 *
 * @typedef {object} Dashboard
 * @property {string} [title]
 * @property {string} [description]
 * @property {string} [range] `all`, a length that ends now such as `30 days`, or `FROM..TO` in dates
 * @property {string} [interval]
 * @property {Panel[]} panels
 *
 * @typedef {{ type: string, required?: boolean, one_of?: string[], minimum?: number }} Field
 *
 * @typedef {object} Application
 * @property {string} name
 * @property {string} [title]
 * @property {string} [description]
 * @property {Record<string, { data?: Record<string, Field> }>} [event]
 * @property {Record<string, Dashboard>} [dashboard]
 *
 * @typedef {object} Who
 * @property {string} team
 * @property {string} [key_name]
 * @property {string[]} [scopes]
 * @property {number | null} [expires_us] microseconds since 1970
 * @property {string} [version] of the server
 *
 * @typedef {object} ProblemBody
 * @property {string} [type]
 * @property {string} [title]
 * @property {number} [status]
 * @property {string} [detail]
 *
 * @typedef {object} Answer
 * @property {string} metric
 * @property {string | null} [interval]
 * @property {string} tz
 * @property {string | null} [from]
 * @property {string | null} [to]
 * @property {number} position
 * @property {Row[]} rows
 */

export {};
