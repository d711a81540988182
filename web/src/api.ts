// What control answers, and how it is asked.

export interface Process {
  name: string;
  type: string;
  release: string;
  state: string;
  pid: number;
  address: string;
  since: string | null;
  restarts: number;
  memory: number;
  memory_limit: number;
  failure?: { cause: string; at: string | null; next_step: string; last_lines: string[] } | null;
}
export interface Environment {
  app: string;
  environment: string;
  version: string;
  store: string;
  urls: string[];
  processes: Process[];
}
export interface Status {
  version: string;
  started: string | null;
  edge: Process;
  listeners: string[];
  environments: Environment[];
  notes: string[];
}
export interface LogLine {
  time: string;
  replica: string;
  text: string;
  app?: string;
  environment?: string;
  release?: string;
  source?: string;
  level?: string;
  status?: number;
  request_id?: string;
}
export interface Series {
  from: number;
  step: number;
  groups: { labels: Record<string, string>; values: (number | null)[] }[];
}
export interface Alert {
  rule: string;
  severity: string;
  labels: Record<string, string>;
  summary: string;
  state: string;
  since: string;
  silenced: boolean;
}
export interface Alerts {
  alerts: Alert[];
  silences: { id: number; rule: string; labels: Record<string, string>; until: string; comment: string }[];
  rules: { name: string; severity: string }[];
  targets: number;
  waiting: number;
}
export interface Traffic {
  requests: number;
  failed: number;
  retried: number;
  p50_ns: number;
  p99_ns: number;
}
export interface Deployment {
  id: number;
  kind: string;
  state: string;
  from: number;
  to: number;
  by: string;
  at: string | null;
  duration_ns: number;
  message: string;
  steps: { name: string; detail: string; duration_ns: number }[];
  receipt?: { before: Traffic; during: Traffic; after: Traffic } | null;
}
export interface Release {
  number: number;
  version: string;
  artifact: string;
  at: string | null;
  by: string;
}
export interface Explanation {
  title: string;
  at: string;
  facts: { label: string; text: string }[];
  timeline: LogLine[];
  next: string[];
}

export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const TOKEN = "fairlead.token";
export const session = {
  token: () => sessionStorage.getItem(TOKEN) ?? "",
  async signIn(token: string): Promise<boolean> {
    const answer = await fetch("/v1/session", { headers: { Authorization: `Bearer ${token}` } });
    const good = ((await answer.json()) as { signed_in: boolean }).signed_in;
    if (good) sessionStorage.setItem(TOKEN, token);
    return good;
  },
  signOut: () => sessionStorage.removeItem(TOKEN),
};

function headers(): Record<string, string> {
  return session.token() ? { Authorization: `Bearer ${session.token()}` } : {};
}

async function checked(answer: Response): Promise<Response> {
  if (answer.ok) return answer;
  const text = await answer.text();
  let detail = text;
  try {
    const problem = JSON.parse(text) as { detail?: string; title?: string };
    detail = problem.detail || problem.title || text;
  } catch {
    /* not a problem document */
  }
  throw new Refused(answer.status, detail);
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const answer = await checked(await fetch(path, { headers: headers(), signal }));
  return (await answer.json()) as T;
}

export async function send(method: string, path: string, body: unknown = {}): Promise<Response> {
  return checked(
    await fetch(path, {
      method,
      headers: { "Content-Type": "application/json", ...headers() },
      body: JSON.stringify(body),
    }),
  );
}

/** Calls back with each line of an NDJSON answer, in batches as they come, until it ends or is aborted. */
export async function stream<T>(path: string, signal: AbortSignal, take: (items: T[]) => void): Promise<void> {
  const answer = await checked(await fetch(path, { headers: headers(), signal }));
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += value;
    const lines = rest.split("\n");
    rest = lines.pop()!;
    const items = lines.filter((line) => line).map((line) => JSON.parse(line) as T);
    if (items.length) take(items);
  }
}

export interface Range {
  name: string;
  seconds: number;
  step: number;
}
export const RANGES: Range[] = [
  { name: "15 min", seconds: 900, step: 10 },
  { name: "1 h", seconds: 3600, step: 20 },
  { name: "6 h", seconds: 21600, step: 120 },
  { name: "24 h", seconds: 86400, step: 600 },
  { name: "7 days", seconds: 604800, step: 3600 },
  { name: "30 days", seconds: 2592000, step: 14400 },
];

export interface Query {
  name: string;
  labels?: Record<string, string>;
  reduce?: string;
  across?: string;
  by?: string[];
  quantile?: number;
}

export function metrics(query: Query, range: Range, signal?: AbortSignal): Promise<Series> {
  const words = new URLSearchParams({ name: query.name, step: String(range.step) });
  // The step that is still being filled would look like a fall.
  const until = Math.floor(Date.now() / 1000 / 10) * 10;
  words.set("since", String(until - range.seconds));
  words.set("until", String(until));
  if (query.reduce) words.set("reduce", query.reduce);
  if (query.across) words.set("across", query.across);
  if (query.quantile) words.set("quantile", String(query.quantile));
  for (const label of query.by ?? []) words.append("by", label);
  for (const [key, value] of Object.entries(query.labels ?? {})) words.append("label", `${key}:${value}`);
  return get<Series>(`/v1/metrics/query?${words}`, signal);
}

export function lastOf(values: (number | null)[] | undefined): number {
  for (let i = (values?.length ?? 0) - 1; i >= 0; --i) if (values![i] !== null) return values![i]!;
  return 0;
}
