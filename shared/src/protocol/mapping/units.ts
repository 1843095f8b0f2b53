// Units of values whose names say enough. None is better than a wrong one: `voltage` is V on a plug and mV on a battery.

/** zigbee2mqtt, by the name of the value ("Exposes" of the device pages). */
const ZIGBEE2MQTT: Readonly<Record<string, string>> = {
  temperature: '°C',
  device_temperature: '°C',
  local_temperature: '°C',
  humidity: '%',
  soil_moisture: '%',
  battery: '%',
  pressure: 'hPa',
  illuminance: 'lx',
  power: 'W',
  current: 'A',
  energy: 'kWh',
  co2: 'ppm',
  pm25: 'µg/m³',
  pm10: 'µg/m³',
  linkquality: 'lqi',
};

/** Shelly, by the last names of the path (component pages, "Status"). */
const SHELLY: Readonly<Record<string, string>> = {
  apower: 'W',
  act_power: 'W',
  total_act_power: 'W',
  aprt_power: 'VA',
  total_aprt_power: 'VA',
  voltage: 'V',
  current: 'A',
  total_current: 'A',
  freq: 'Hz',
  tC: '°C',
  tF: '°F',
  rh: '%',
  lux: 'lx',
  total: 'Wh',
  percent: '%',
  V: 'V',
  rssi: 'dBm',
};

const TASMOTA_ENERGY: Readonly<Record<string, string>> = {
  Total: 'kWh',
  Yesterday: 'kWh',
  Today: 'kWh',
  Power: 'W',
  ApparentPower: 'VA',
  ReactivePower: 'var',
  Voltage: 'V',
  Current: 'A',
  Frequency: 'Hz',
};

const TASMOTA: Readonly<Record<string, string>> = {
  Humidity: '%',
  Illuminance: 'lx',
  CarbonDioxide: 'ppm',
  Signal: 'dBm',
};
const TASMOTA_TEMPERATURES: ReadonlySet<string> = new Set(['Temperature', 'DewPoint']);
const TASMOTA_PRESSURES: ReadonlySet<string> = new Set(['Pressure', 'SeaPressure']);

/** Phases of a meter: `power_phase_b`; sockets of a strip: `state_l1`. */
export function zigbeeUnit(path: readonly string[]): string | undefined {
  const name = path.at(-1)?.replace(/_(phase_[abc]|l\d)$/, '') ?? '';
  return path.length === 1 ? known(ZIGBEE2MQTT, name) : undefined;
}

export function shellyUnit(path: readonly string[]): string | undefined {
  const name = path.at(-1)?.replace(/^[abcn]_(?=act_power|aprt_power|voltage|current|freq)/, '') ?? '';
  // A Wh counter is `aenergy.total` or `ret_aenergy.total`; other totals count something else.
  if (name === 'total' && !path.at(-2)?.endsWith('aenergy')) return undefined;
  return known(SHELLY, name);
}

/** @param units `TempUnit` and `PressureUnit` of the message. */
export function tasmotaUnit(
  path: readonly string[],
  units: { temperature: unknown; pressure: unknown },
): string | undefined {
  // A meter of three phases has an array: ENERGY.Power.0
  const names = /^\d+$/.test(path.at(-1) ?? '') ? path.slice(0, -1) : path;
  const name = names.at(-1) ?? '';
  if (TASMOTA_TEMPERATURES.has(name)) return temperatureUnit(units.temperature);
  if (TASMOTA_PRESSURES.has(name)) return pressureUnit(units.pressure);
  return known(names.includes('ENERGY') ? TASMOTA_ENERGY : TASMOTA, name);
}

function temperatureUnit(unit: unknown): string | undefined {
  return unit === 'C' ? '°C' : unit === 'F' ? '°F' : undefined;
}

function pressureUnit(unit: unknown): string | undefined {
  return unit === 'hPa' || unit === 'mmHg' || unit === 'inHg' ? unit : undefined;
}

function known(units: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(units, name) ? units[name] : undefined;
}
