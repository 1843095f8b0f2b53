// The sign of the product.

export function Brand() {
  return (
    <span className="brand">
      <svg className="brand__mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
        <rect width="32" height="32" rx="8" />
        <circle cx="10" cy="22" r="3" />
        <path d="M10 13a9 9 0 0 1 9 9M10 6.5A15.5 15.5 0 0 1 25.5 22" />
      </svg>
      <span className="brand__name">Sitecast</span>
    </span>
  );
}
