// Names of repositories on a hub.

/** "owner/name", of letters, digits, "-", "_" and "." */
export function isHubId(source: string): boolean {
  return /^[\w-][\w.-]*\/[\w-][\w.-]*$/.test(source) && !/\.(gguf|json|safetensors)$/i.test(source);
}
