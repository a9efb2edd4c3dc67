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
 * @property {string} [asked] what it is asked by, of one that is not declared: `explore?event=…`
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
 * @typedef {{ type: string, required?: boolean, one_of?: string[], minimum?: number, description?: string }} Field
 *
 * @typedef {{ event: string, value?: string, sign?: number, where?: string[] }} Term
 *
 * @typedef {object} MetricDefinition
 * @property {string} [aggregate] absent of a ratio
 * @property {Term[]} [of]
 * @property {string[]} [by]
 *
 * @typedef {object} EntityField has one of latest, first, sum, min, max, count, metric
 * @property {string} [title]
 * @property {string} [unit]
 * @property {string} [latest]
 * @property {string} [first]
 * @property {string} [sum]
 * @property {string} [min]
 * @property {string} [max]
 * @property {boolean | string} [count]
 * @property {string} [metric]
 *
 * @typedef {object} Action
 * @property {string} event
 * @property {Record<string, unknown>} [data] with placeholders
 * @property {string[]} [when]
 * @property {string} [undo]
 * @property {string} [title]
 * @property {boolean} [creates]
 *
 * @typedef {object} Entity
 * @property {string} key
 * @property {string[]} events
 * @property {Record<string, EntityField>} [fields]
 * @property {Record<string, Action>} [actions]
 * @property {string} [title]
 * @property {string} [description]
 * @property {string} [title_field]
 * @property {string} [sort]
 *
 * @typedef {object} EntityState
 * @property {string} key
 * @property {Record<string, unknown>} fields
 * @property {number} events
 * @property {string} first
 * @property {string} last
 * @property {number} version the position that last changed it
 * @property {string[]} actions that its state allows
 *
 * @typedef {object} StoredEvent
 * @property {string} id
 * @property {string} type
 * @property {string} source
 * @property {string} subject
 * @property {string} time
 * @property {string} received
 * @property {number} position
 * @property {Record<string, unknown>} data
 * @property {Record<string, unknown>} [attributes]
 *
 * @typedef {object} Key
 * @property {string} id
 * @property {string} team
 * @property {string} name
 * @property {string[]} scopes
 * @property {boolean} operator
 * @property {number} created_us
 * @property {number | null} expires_us
 * @property {number | null} revoked_us
 * @property {number | null} last_used_us
 * @property {{ limit: number, remaining: number } | null} [queries] of this hour; null: not counted
 * @property {string} [key] its text, in the answer that makes it and nowhere else
 *
 * @typedef {object} Team
 * @property {number} id
 * @property {string} name
 * @property {number} created_us
 * @property {number | null} queries_per_hour
 * @property {string[]} allowed_origins
 *
 * @typedef {{ id: number, time: string, who: string, team: string | null, action: string, target: string, detail: string }} AuditEntry
 *
 * @typedef {{ line: number, key: string, reason: string }} DefinitionProblem
 *
 * @typedef {{ version: number, applied: string, by: string, active: boolean }} Version
 *
 * @typedef {object} Source
 * @property {string} name
 * @property {string} application
 * @property {string} title
 * @property {string} description
 * @property {string} url without its query, which may be secret
 * @property {boolean} running
 * @property {string} schedule in words: `every 5 minutes`, `cron 0 6 * * * (Europe/Oslo)`
 * @property {'definition' | 'person' | 'messages'} schedule_of messages come by themselves
 * @property {boolean} [wanted] to be run at once; this and what follows is absent before it was first looked at
 * @property {boolean} [fetching]
 * @property {string | null} [held_by] the process that fetches it
 * @property {string | null} [next]
 * @property {string | null} [last]
 * @property {string | null} [last_ok]
 * @property {string | null} [last_error]
 * @property {number} [failures] since the last success
 * @property {number} [runs]
 * @property {number} [stored]
 * @property {number} [duplicates]
 * @property {number} [rejected]
 * @property {string | null} [cursor] asked from, the next time
 *
 * @typedef {object} Alert
 * @property {string} name
 * @property {string} application
 * @property {string} title
 * @property {string} description
 * @property {string} metric
 * @property {string[]} where
 * @property {number} window_seconds
 * @property {'value' | 'change'} measure
 * @property {string} condition in words: `above 50 until 40`
 * @property {number} for_seconds
 * @property {number} every_seconds
 * @property {string[]} notify whom it tells, in a few words
 * @property {'ok' | 'pending' | 'firing'} state
 * @property {string | null} since
 * @property {string | null} value an exact number
 * @property {string | null} checked
 * @property {string} last_error
 *
 * @typedef {object} AlertMessage
 * @property {string} to
 * @property {number} attempts
 * @property {string | null} delivered
 * @property {boolean} waiting
 * @property {string} last_error
 *
 * @typedef {object} AlertChange
 * @property {number} id
 * @property {'ok' | 'firing'} state
 * @property {string | null} value
 * @property {string} time
 * @property {AlertMessage[]} messages
 *
 * @typedef {object} Application
 * @property {string} name
 * @property {string} [title]
 * @property {string} [description]
 * @property {Record<string, { data?: Record<string, Field>, description?: string }>} [event]
 * @property {Record<string, MetricDefinition>} [metric]
 * @property {Record<string, Entity>} [entity]
 * @property {Record<string, Dashboard>} [dashboard]
 *
 * @typedef {object} Who
 * @property {string} team
 * @property {string} [key_id]
 * @property {string} [key_name]
 * @property {string[]} [scopes]
 * @property {boolean} [operator]
 * @property {number | null} [expires_us] microseconds since 1970
 * @property {string} [version] of the server
 *
 * @typedef {object} ProblemBody
 * @property {string} [type]
 * @property {string} [title]
 * @property {number} [status]
 * @property {string} [detail]
 * @property {DefinitionProblem[]} [problems]
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
