/** The UTC day of a time: `2026-11-23`. Budgets reset at midnight UTC (COST-09). */
export function dayOf(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10);
}
