/** What puts plumbing right, whoever made it. */
export const APPLY = 'run tproxy apply';
