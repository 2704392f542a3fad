export interface HubOptions {
  /** Branch, tag or commit. Default `main`. */
  readonly revision?: string;
  readonly onProgress?: (progress: { readonly file: string; readonly done: number; readonly total: number | undefined }) => void;
  readonly signal?: AbortSignal;
}
/** Folder of a model given as a folder or as a hub id; downloads what is needed into the hub cache. */
export declare function resolveModel(nameOrPath: string, options?: HubOptions): Promise<string>;
