/**
 * Keeps the answer to every open question current, over one stream for the whole tab.
 *
 * In the flow: receives questions from `livequery.js` and events from `stream.js`, hands each question's
 * rows back at most four times a second, inside animation frames.
 * Guarantee: rows are absolute values keyed by bucket, so a change told twice is harmless, and after any
 * break the picture equals a fresh query at the same position. Nothing grows but the buckets on screen.
 */

import { Stream } from './stream.js';
import { parseWhole } from './whole.js';

const FLUSH_MS = 250;
/** What is drawn within one frame; what is left comes with the next, so that none is missed. */
const FRAME_BUDGET_MS = 8;
/** Where frames are slow, the last of these takes all that is left: what is told late is worse than a frame less. */
const FRAMES_MAX = 4;
const LEVELS = 6;

/** The newest events, of all or of one entity. */
const TAIL = /^(events|entities\/[^/?]+\/[^/?]+\/events)(\?|$)/;
/** Rows of a page where the question names no limit. */
const TAIL_ROWS = 100;

/**
 * @typedef {object} View what is known of one question
 * @property {'waiting' | 'ready' | 'problem'} state
 * @property {Map<string, import('./contract.js').Row>} rows by bucket; of lists, things in their order
 * @property {string | null} from
 * @property {string | null} to
 * @property {number} version counts the changes; compare instead of the rows
 * @property {Set<string>} changed the buckets that the last flush changed; empty after a snapshot
 * @property {import('./contract.js').ProblemBody | null} problem
 */

/**
 * @typedef {object} Entry
 * @property {View} view
 * @property {Set<() => void>} listeners
 * @property {Set<string>} pending buckets changed since the last flush
 */

/** Fires `status` when `status` or `position` changes. */
export class Live extends EventTarget {
  constructor() {
    super();
    this.#stream = new Stream({
      status: () => this.dispatchEvent(new Event('status')),
      message: (kind, data, text) => this.#receive(kind, data, text),
    });
    this.position = 0;
  }

  /** @type {Map<string, Entry>} by question */
  #entries = new Map();
  /** @type {string[]} the questions of the open stream, by number */
  #order = [];
  /** @type {Set<Entry>} */
  #dirty = new Set();
  #stream;
  #reconcileTimer = 0;
  #flushTimer = 0;
  #flushedAt = 0;
  /** The newest position that was told; `position` is the one on the screen. */
  #reached = 0;

  /** @returns {import('./stream.js').Status} */
  get status() {
    return this.#stream.status;
  }

  /** Fires when the server no longer knows who this is. @param {() => void} callback */
  onSignedOut(callback) {
    this.#stream.signedOut = callback;
  }

  /**
   * Keep `question` (such as `metrics/taps?interval=day`) current until the returned function is called.
   * @param {string} question
   * @param {() => void} listener called after each change
   * @returns {{ view: View, release: () => void }}
   */
  subscribe(question, listener) {
    let entry = this.#entries.get(question);
    if (!entry) {
      entry = { view: emptyView(), listeners: new Set(), pending: new Set() };
      this.#entries.set(question, entry);
    }
    const held = entry;
    held.listeners.add(listener);
    this.#reconcileSoon();
    return {
      view: held.view,
      release: () => {
        held.listeners.delete(listener);
        this.#reconcileSoon();
      },
    };
  }

  // A page mounts and unmounts many questions in one turn; they make one stream.
  #reconcileSoon() {
    this.#reconcileTimer ||= window.setTimeout(() => this.#reconcile());
  }

  #reconcile() {
    this.#reconcileTimer = 0;
    for (const [question, entry] of this.#entries) {
      if (entry.listeners.size) continue;
      this.#entries.delete(question);
      this.#dirty.delete(entry);
    }
    const wanted = [...this.#entries.keys()];
    if (wanted.length === this.#order.length && wanted.every((one) => this.#order.includes(one))) return;
    this.#order = wanted;
    this.#stream.open(wanted.map((one) => `q=${encodeURIComponent(one)}`).join('&'));
  }

  /** @param {string} kind @param {any} data @param {string} text as it came */
  #receive(kind, data, text) {
    if (typeof data.position === 'number') this.#reached = data.position;
    const question = this.#order[data.q] ?? '';
    const entry = this.#entries.get(question);
    if (!entry) return;
    if (TAIL.test(question)) this.#receiveEvents(entry, kind, parseWhole(text), limitOf(question));
    else if (kind === 'update') this.#merge(entry, data.rows, data.keys);
    else if (kind === 'snapshot') this.#replace(entry, data);
    else if (kind === 'problem') Object.assign(entry.view, { state: 'problem', problem: data });
    // After `reset` a snapshot follows; until it is here the old picture is better than none.
    if (kind !== 'reset') this.#flushSoon(entry);
  }

  /** @param {Entry} entry @param {import('./contract.js').Answer} answer */
  #replace(entry, answer) {
    const { view } = entry;
    view.rows = new Map(answer.rows.map((row) => [bucketOf(row), timed(row)]));
    view.state = 'ready';
    view.problem = null;
    view.from = answer.from ?? null;
    view.to = answer.to ?? null;
    entry.pending.clear();
  }

  /** @param {Entry} entry @param {import('./contract.js').Row[]} rows @param {string[]} [keys] of all rows in order, when that has changed */
  #merge(entry, rows, keys) {
    for (const row of rows) {
      const bucket = bucketOf(row);
      entry.view.rows.set(bucket, timed(row));
      entry.pending.add(bucket);
    }
    if (keys) entry.view.rows = inOrder(entry.view.rows, keys);
  }

  /** Events only come: the newest stay, in the order of a page. @param {Entry} entry @param {string} kind @param {any} data @param {number} limit */
  #receiveEvents(entry, kind, data, limit) {
    if (kind === 'snapshot') this.#replace(entry, data);
    else if (kind === 'problem') Object.assign(entry.view, { state: 'problem', problem: data });
    else if (kind === 'update') {
      this.#merge(entry, data.rows);
      const newest = [...entry.view.rows].sort(([, one], [, other]) => compareEvents(other, one)).slice(0, limit);
      entry.view.rows = new Map(newest);
    }
  }

  /** @param {Entry} entry */
  #flushSoon(entry) {
    this.#dirty.add(entry);
    if (!this.#flushTimer) this.#schedule();
  }

  #schedule() {
    const wait = Math.max(0, this.#flushedAt + FLUSH_MS - performance.now());
    this.#flushTimer = window.setTimeout(() => requestAnimationFrame((now) => this.#flush(now)), wait);
  }

  /** @param {number} now */
  async #flush(now) {
    this.#flushedAt = now;
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    const position = this.#reached;
    // All at first: what draws for another reason meanwhile must find what has changed with what it shows.
    for (const entry of dirty) {
      entry.view.changed = entry.pending;
      entry.pending = new Set();
      entry.view.version += 1;
    }
    let began = now;
    let frames = 1;
    for (const entry of dirty) {
      if (frames < FRAMES_MAX && performance.now() - began > FRAME_BUDGET_MS) {
        began = await nextFrame();
        frames += 1;
      }
      for (const listener of entry.listeners) listener();
      // A page, its panel, its chart and the plot each follow in a microtask of their own: let them, so that they count.
      for (let level = 0; level < LEVELS; level += 1) await null;
    }
    if (position !== this.position) {
      this.position = position;
      this.dispatchEvent(new Event('status'));
    }
    this.#flushTimer = 0;
    if (this.#dirty.size) this.#schedule();
  }
}

/** @returns {Promise<number>} when it began */
function nextFrame() {
  return new Promise((resolve) => requestAnimationFrame(resolve));
}

/** @returns {View} */
export function emptyView() {
  return { state: 'waiting', rows: new Map(), from: null, to: null, version: 0, changed: new Set(), problem: null };
}

/** @param {Map<string, import('./contract.js').Row>} rows @param {string[]} keys */
function inOrder(rows, keys) {
  /** @type {Map<string, import('./contract.js').Row>} */
  const ordered = new Map();
  for (const key of keys) {
    const row = rows.get(key);
    if (row) ordered.set(key, row);
  }
  return ordered;
}

/** @param {string} question @returns {number} rows */
function limitOf(question) {
  return Number(new URLSearchParams(question.split('?')[1] ?? '').get('limit')) || TAIL_ROWS;
}

/** By time, position, id and source. @param {import('./contract.js').Row} one @param {import('./contract.js').Row} other */
function compareEvents(one, other) {
  const [times, places] = [String(one.time).localeCompare(String(other.time)), Number(one.position) - Number(other.position)];
  const ids = String(one.id).localeCompare(String(other.id));
  return times || places || ids || String(one.source).localeCompare(String(other.source));
}

/** @param {import('./contract.js').Row} row */
export function timed(row) {
  if (row.time) row.ms = Date.parse(row.time);
  return row;
}

/**
 * Name the bucket of a row: everything that the server says of it but its value.
 * @param {import('./contract.js').Row} row
 * @returns {string}
 */
export function bucketOf(row) {
  if ('key' in row && 'fields' in row) return String(row.key);
  if ('id' in row && 'received' in row) return `${row.source}\u0000${row.id}`;
  let name = '';
  for (const field in row) if (field !== 'value') name += `${field}=${row[field]}\u0000`;
  return name;
}
