/** Takes `.` and `..` out of an absolute path (RFC 3986, 5.2.4). Empty segments are segments. */
export function removeDotSegments(path: string): string {
  const kept: string[] = [];
  const segments = path.slice(1).split('/');
  segments.forEach((segment, at) => {
    const last = at === segments.length - 1;
    if (segment === '..') kept.pop();
    if (segment !== '.' && segment !== '..') kept.push(segment);
    else if (last) kept.push('');
  });
  return `/${kept.join('/')}`;
}
