/**
 * Asks the server and turns every refusal into one kind of error.
 *
 * In the flow: receives paths from `session.js` and the pages, hands them parsed answers or throws `Problem`.
 * Guarantee: requests go to the page's own server only, carry the header that proves that a change was meant (a form
 * on another site can't set it), and are for the team that an operator has chosen, everywhere in the tab.
 */

import { parseExact } from './exact.js';

/** The team that an operator acts for; empty: the key's own. */
let actingFor = '';

/** The server's refusal (RFC 9457), or status 0 when it was not reached. */
export class Problem extends Error {
  /** @param {number} status @param {import('./contract.js').ProblemBody} body */
  constructor(status, body) {
    super(body.detail || body.title || `The server answered ${status}.`);
    this.status = status;
    this.title = body.title || (status ? `Error ${status}` : 'The server can’t be reached');
    this.type = body.type || 'about:blank';
    /** @type {import('./contract.js').DefinitionProblem[]} of a definition, each with its line */
    this.problems = body.problems ?? [];
  }
}

/** @param {string} path below the console's own address @returns {string} */
export function addressOf(path) {
  return new URL(path, new URL('.', document.baseURI)).href;
}

/** Act for another team from now on; an empty name is the key's own team again. @param {string} team */
export function actFor(team) {
  actingFor = team;
}

/**
 * What a stream's address needs besides its questions: a browser sends no headers with one, so another team's stream
 * is opened with a token for it.
 * @returns {Promise<string>} `&token=…`, or nothing
 * @throws {Problem}
 */
export async function streamCredentials() {
  if (!actingFor) return '';
  const { token } = await send('POST', 'v1/stream-tokens');
  return `&token=${encodeURIComponent(token)}`;
}

/**
 * GET a JSON answer.
 * @param {string} path
 * @param {(text: string) => any} [parse]
 * @returns {Promise<any>}
 */
export async function get(path, parse = parseExact) {
  return parse(await request('GET', path));
}

/** GET an answer as it is written, of another media type. @param {string} path @param {string} type @returns {Promise<string>} */
export function getText(path, type) {
  return request('GET', path, undefined, { Accept: type });
}

/**
 * Change something; `body` is sent as JSON.
 * @param {'POST' | 'PUT' | 'PATCH' | 'DELETE'} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
export async function send(method, path, body) {
  const type = { 'Content-Type': 'application/json' };
  const text = body === undefined ? await request(method, path) : await request(method, path, JSON.stringify(body), type);
  return text ? parseExact(text) : undefined;
}

/** PUT a definition as it is written. @param {string} path @param {string} toml @returns {Promise<any>} */
export async function putToml(path, toml) {
  return parseExact(await request('PUT', path, toml, { 'Content-Type': 'application/toml' }));
}

/** @param {string} method @param {string} path @param {string} [body] @param {Record<string, string>} [more] headers @returns {Promise<string>} */
async function request(method, path, body, more = {}) {
  /** @type {Record<string, string>} */
  const headers = { Accept: 'application/json, application/problem+json', ...more };
  if (method !== 'GET') headers['X-Livetally-Console'] = '1';
  // Who is signed in is the key's own business, whichever team it acts for.
  if (actingFor && !path.startsWith('v1/session')) headers['X-Livetally-Team'] = actingFor;
  /** @type {Response} */
  let response;
  try {
    response = await fetch(addressOf(path), {
      method,
      headers,
      credentials: 'same-origin',
      ...(body === undefined ? {} : { body }),
    });
  } catch {
    throw new Problem(0, { detail: 'Check that it runs and that this machine is on the network.' });
  }
  const text = await response.text();
  if (!response.ok) throw new Problem(response.status, readProblem(text));
  return text;
}

/** @param {string} text @returns {import('./contract.js').ProblemBody} */
function readProblem(text) {
  try {
    return JSON.parse(text);
  } catch {
    // A proxy's own page: its words are about itself, not about the question.
    return { detail: 'Something between this page and the server refused the request.' };
  }
}
