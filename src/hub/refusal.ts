import { ConversionError, type ErrorKind } from "../diagnostics.ts";
import { type Exchange, textOf } from "./exchange.ts";

/** What was asked for, for the messages. */
export interface Subject {
  readonly endpoint: string;
  readonly id: string;
  readonly revision: string;
  readonly hasToken: boolean;
}

const MAX_ERROR_BYTES = 64 << 10;
const SETTINGS = "https://huggingface.co/settings/tokens";

/** An error of the Hub, as the project's other errors. */
export const hubError = (
  code: string,
  message: string,
  more: { readonly path?: string; readonly hint?: string; readonly kind?: ErrorKind; readonly cause?: unknown } = {},
): ConversionError => {
  const { kind = "unreadable", cause, ...rest } = more;
  return new ConversionError(kind, [{ code, severity: "error", message, ...rest }], { cause });
};

/** An address without its query, which may be a signature that opens a file to anyone. */
export const publicUrl = (url: URL): string => `${url.origin}${url.pathname}`;

/**
 * What the Hub's refusal means and what to do. It answers alike for repositories that are private and that do not
 * exist; the header `X-Error-Code` tells the rest apart.
 */
export async function refusal(answer: Exchange, subject: Subject): Promise<ConversionError> {
  const { endpoint, id, revision, hasToken } = subject;
  const { status, headers, url } = answer;
  const code = headers.get("x-error-code");
  const said = headers.get("x-error-message") ?? (await errorText(answer));
  await answer.discard();
  const path = id;
  const page = `${endpoint}/${id}`;

  const refused = `${publicUrl(url)} answered HTTP ${status}${quoted(said)}`;
  if (!isOwn(url, endpoint)) return hubError("hub.storage", refused, { path });
  if (code === "GatedRepo") {
    const who = hasToken ? "the account of the token has not been given access" : "no token was given";
    const sign = hasToken ? "" : `, then pass a token of that account in HF_TOKEN (${SETTINGS})`;
    return hubError("hub.gated", `access to the repository is restricted by its owner, and ${who}`, {
      path,
      hint: `ask for access at ${page}${sign}`,
    });
  }
  if (code === "RevisionNotFound") {
    return hubError("hub.revision", `the repository has no branch, tag or commit ${JSON.stringify(revision)}`, {
      path,
      hint: `see ${page}/tree/main for those it has`,
    });
  }
  if (code === "EntryNotFound") {
    return hubError("hub.file", `${publicUrl(url)} is not there at revision ${revision}`, { path });
  }
  if (/access to this resource is disabled/i.test(said)) {
    return hubError("hub.disabled", "the repository has been disabled by the Hub's moderators", { path });
  }
  if (status === 401 && hasToken && code !== "RepoNotFound") {
    return hubError("hub.token", `the Hub does not accept the token${quoted(said)}`, {
      path,
      hint: `make a new one at ${SETTINGS}, or unset HF_TOKEN for public models`,
    });
  }
  if (status === 401 || status === 404) {
    const hint = hasToken
      ? "check the spelling; for a private model, that the token's account and permissions include it"
      : `check the spelling; for a private model set HF_TOKEN to a token that may read it (${SETTINGS})`;
    return hubError("hub.not-found", "the Hub has no such model, or it is private", { path, hint });
  }
  if (status === 403) {
    return hubError("hub.forbidden", `the Hub refuses access${quoted(said)}`, {
      path,
      hint: "a fine-grained token needs read access to the contents of this repository",
    });
  }
  if (status === 429) {
    const hint = hasToken
      ? "try again in some minutes"
      : "try again in some minutes, or set HF_TOKEN for higher limits";
    return hubError("hub.rate-limit", "the Hub allows no more requests for now (HTTP 429)", { path, hint });
  }
  return hubError("hub.server", refused, { path });
}

/** The network failed, or the server broke off or was silent. */
export const unreachable = (url: URL, cause: Error, subject: Subject): ConversionError =>
  hubError("hub.unreachable", `cannot read ${publicUrl(url)}: ${cause.message}`, {
    path: subject.id,
    hint: "check the network and HF_ENDPOINT; --offline uses what was downloaded before",
    cause,
  });

export const isOwn = (url: URL, endpoint: string): boolean => url.origin === new URL(endpoint).origin;

const quoted = (text: string): string => (text ? `: ${text.slice(0, 300)}` : "");

async function errorText(answer: Exchange): Promise<string> {
  try {
    const text = await textOf(answer, MAX_ERROR_BYTES);
    const { error, message } = JSON.parse(text) as { error?: unknown; message?: unknown };
    const said = error ?? message;
    return typeof said === "string" ? said : "";
  } catch {
    return "";
  }
}
