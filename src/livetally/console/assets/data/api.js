/**
 * Asks the server and turns every refusal into one kind of error.
 *
 * In the flow: receives paths from `session.js` and the pages, hands them parsed answers or throws `Problem`.
 * Guarantee: requests go to the page's own server only, and carry the header that proves that a
 * change was meant (a form on another site can't set it).
 */

import { parseExact } from './exact.js';

/** The server's refusal (RFC 9457), or status 0 when it was not reached. */
export class Problem extends Error {
  /** @param {number} status @param {import('./contract.js').ProblemBody} body */
  constructor(status, body) {
    super(body.detail || body.title || `The server answered ${status}.`);
    this.status = status;
    this.title = body.title || (status ? `Error ${status}` : 'The server can’t be reached');
    this.type = body.type || 'about:blank';
  }
}

/** @param {string} path below the console's own address @returns {string} */
export function addressOf(path) {
  return new URL(path, new URL('.', document.baseURI)).href;
}

/**
 * GET a JSON answer.
 * @param {string} path
 * @returns {Promise<any>}
 */
export function get(path) {
  return request('GET', path);
}

/**
 * Change something; `body` is sent as JSON.
 * @param {'POST' | 'PUT' | 'DELETE'} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
export function send(method, path, body) {
  return request(method, path, body);
}

/** @param {string} method @param {string} path @param {unknown} [body] */
async function request(method, path, body) {
  /** @type {Record<string, string>} */
  const headers = { Accept: 'application/json, application/problem+json' };
  if (method !== 'GET') headers['X-Livetally-Console'] = '1';
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  /** @type {Response} */
  let response;
  try {
    response = await fetch(addressOf(path), {
      method,
      headers,
      credentials: 'same-origin',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new Problem(0, { detail: 'Check that it runs and that this machine is on the network.' });
  }
  const text = await response.text();
  if (!response.ok) throw new Problem(response.status, readProblem(text));
  return text ? parseExact(text) : undefined;
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
