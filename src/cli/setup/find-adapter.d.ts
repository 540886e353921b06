/** A driver by a name for people, and what its process needs in its environment. */
export interface Driver {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
}

export function listDrivers(
  env: Readonly<Record<string, string | undefined>>,
  known?: {
    readonly chromium?: string | undefined;
    readonly lavapipe?: { readonly icd: string; readonly libraries: string } | undefined;
    readonly folders?: readonly string[];
  },
): readonly Driver[];

export function tryDrivers(
  drivers: readonly Driver[],
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): { readonly driver?: Driver; readonly adapter?: string; readonly tried: readonly string[] };
