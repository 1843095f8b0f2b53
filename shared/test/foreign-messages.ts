// Messages of foreign devices as the documentation of each project has them, and the readings that they are.

export interface ForeignMessage {
  project: 'zigbee2mqtt' | 'tasmota' | 'shelly' | 'esphome';
  what: string;
  /** Where the topic and the payload stand. */
  page: string;
  topic: string;
  payload: string;
  sensor: string;
  values: Record<string, number>;
  units?: Record<string, string>;
  tsMs?: number;
}

const ZIGBEE = 'https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html';
const TASMOTA = 'https://tasmota.github.io/docs/';
const SHELLY = 'https://shelly-api-docs.shelly.cloud/gen2/';
const ESPHOME = 'https://esphome.io/components/';

export const FOREIGN_MESSAGES: ForeignMessage[] = [
  {
    project: 'zigbee2mqtt',
    what: 'a climate sensor',
    page: `${ZIGBEE} (WSDCGQ01LM)`,
    topic: 'zigbee2mqtt/0x00158d0001dc126a',
    payload: '{"temperature":27.34,"humidity":44.72}',
    sensor: '0x00158d0001dc126a',
    values: { temperature: 27.34, humidity: 44.72 },
    units: { temperature: '°C', humidity: '%' },
  },
  {
    project: 'zigbee2mqtt',
    what: 'a movement sensor',
    page: `${ZIGBEE} (RTCGQ01LM)`,
    topic: 'zigbee2mqtt/hallway',
    payload: '{"occupancy":true}',
    sensor: 'hallway',
    values: { occupancy: 1 },
  },
  {
    project: 'zigbee2mqtt',
    what: 'a bulb in a folder of names',
    page: `${ZIGBEE} (LED1545G12, friendly_name kitchen/floor_light)`,
    topic: 'zigbee2mqtt/kitchen/floor_light',
    payload: '{"state":"ON","brightness":215,"color_temp":325}',
    sensor: 'kitchen-floor-light-0rs4sd1',
    values: { state: 1, brightness: 215, color_temp: 325 },
  },
  {
    project: 'zigbee2mqtt',
    what: 'a plug with last_seen',
    page: 'https://github.com/Koenkk/zigbee-herdsman-converters/issues/1020 (QBKG12LM)',
    topic: 'zigbee2mqtt/wall-switch',
    payload:
      '{"power":0,"consumption":0.32,"temperature":16,"linkquality":34,"last_seen":"2020-02-26T20:44:09+01:00","state_left":"OFF","state_right":"OFF"}',
    sensor: 'wall-switch',
    values: { power: 0, consumption: 0.32, temperature: 16, linkquality: 34, state_left: 0, state_right: 0 },
    units: { power: 'W', temperature: '°C', linkquality: 'lqi' },
    tsMs: Date.UTC(2020, 1, 26, 19, 44, 9),
  },
  {
    project: 'tasmota',
    what: 'a temperature sensor',
    page: `${TASMOTA}DS18x20/`,
    topic: 'tele/tasmota/SENSOR',
    payload: '{"Time":"2019-01-01T00:00:00","DS18B20":{"Temperature":49.7},"TempUnit":"C"}',
    sensor: 'tasmota',
    values: { 'DS18B20.Temperature': 49.7 },
    units: { 'DS18B20.Temperature': '°C' },
  },
  {
    project: 'tasmota',
    what: 'a plug that measures power',
    page: `${TASMOTA}Power-Monitoring/ (Energy telemetry)`,
    topic: 'tele/livingroom-lamp/SENSOR',
    payload:
      '{"Time":"2022-01-11T21:57:38","ENERGY":{"TotalStartTime":"2020-10-21T22:15:00","Total":3.705,"Yesterday":0.028,"Today":0.026,"Period":1,"Power":5,"ApparentPower":5,"ReactivePower":0,"Factor":1.00,"Voltage":233,"Current":0.021}}',
    sensor: 'livingroom-lamp',
    values: {
      'ENERGY.Total': 3.705,
      'ENERGY.Yesterday': 0.028,
      'ENERGY.Today': 0.026,
      'ENERGY.Period': 1,
      'ENERGY.Power': 5,
      'ENERGY.ApparentPower': 5,
      'ENERGY.ReactivePower': 0,
      'ENERGY.Factor': 1,
      'ENERGY.Voltage': 233,
      'ENERGY.Current': 0.021,
    },
    units: {
      'ENERGY.Total': 'kWh',
      'ENERGY.Yesterday': 'kWh',
      'ENERGY.Today': 'kWh',
      'ENERGY.Power': 'W',
      'ENERGY.ApparentPower': 'VA',
      'ENERGY.ReactivePower': 'var',
      'ENERGY.Voltage': 'V',
      'ENERGY.Current': 'A',
    },
  },
  {
    project: 'tasmota',
    what: 'the state of a switch',
    page: `${TASMOTA}MQTT/ (tele/%topic%/STATE)`,
    topic: 'tele/tasmota_9CF9D1/STATE',
    payload:
      '{"Time":"2024-02-24T22:20:38","Uptime":"0T00:10:11","UptimeSec":611,"Heap":24,"SleepMode":"Dynamic","Sleep":50,"LoadAvg":19,"MqttCount":1,"POWER":"OFF","Wifi":{"AP":1,"SSId":"ESP-Network","BSSId":"E6:8D:8C:4B:BE:F7","Channel":3,"Mode":"11n","RSSI":44,"Signal":-78,"LinkCount":1,"Downtime":"0T00:00:05"}}',
    sensor: 'tasmota-9cf9d1-0uu8u2r',
    values: { POWER: 0, 'Wifi.RSSI': 44, 'Wifi.Signal': -78 },
    units: { 'Wifi.Signal': 'dBm' },
  },
  {
    project: 'tasmota',
    what: 'a sensor whose FullTopic begins with the device',
    page: `${TASMOTA}MQTT/ (FullTopic %topic%/%prefix%/)`,
    topic: 'garage/tele/SENSOR',
    payload:
      '{"Time":"2021-06-13T06:59:52+02:00","DHT11":{"Temperature":23.0,"Humidity":37.0,"DewPoint":7.5},"TempUnit":"C"}',
    sensor: 'garage',
    values: { 'DHT11.Temperature': 23, 'DHT11.Humidity': 37, 'DHT11.DewPoint': 7.5 },
    units: { 'DHT11.Temperature': '°C', 'DHT11.Humidity': '%', 'DHT11.DewPoint': '°C' },
    tsMs: Date.UTC(2021, 5, 13, 4, 59, 52),
  },
  {
    project: 'shelly',
    what: 'a notification',
    page: `${SHELLY}General/Notifications and General/RPCProtocol (NotifyStatus)`,
    topic: 'shellypro4pm-f008d1d8b8b8/events/rpc',
    payload:
      '{"src":"shellypro4pm-f008d1d8b8b8","dst":"shellypro4pm-f008d1d8b8b8/events","method":"NotifyStatus","params":{"ts":1631186545.04,"switch:0":{"id":0,"apower":8.9,"output":true,"source":"button"}}}',
    sensor: 'shellypro4pm-f008d1d8b8b8',
    values: { 'switch:0.apower': 8.9, 'switch:0.output': 1 },
    units: { 'switch:0.apower': 'W' },
    tsMs: 1_631_186_545_040,
  },
  {
    project: 'shelly',
    what: 'the status of a switch',
    page: `${SHELLY}ComponentsAndServices/Switch (Status) on <topic_prefix>/status/switch:0, ComponentsAndServices/Mqtt`,
    topic: 'shellyplus1pm-a8032abe54dc/status/switch:0',
    payload:
      '{"id":0,"source":"WS_in","output":false,"apower":0,"voltage":224.1,"current":0,"aenergy":{"total":11.679,"by_minute":[0,0,0],"minute_ts":1654511972},"temperature":{"tC":53.3,"tF":127.9}}',
    sensor: 'shellyplus1pm-a8032abe54dc',
    values: {
      'switch:0.output': 0,
      'switch:0.apower': 0,
      'switch:0.voltage': 224.1,
      'switch:0.current': 0,
      'switch:0.aenergy.total': 11.679,
      'switch:0.temperature.tC': 53.3,
      'switch:0.temperature.tF': 127.9,
    },
    units: {
      'switch:0.apower': 'W',
      'switch:0.voltage': 'V',
      'switch:0.current': 'A',
      'switch:0.aenergy.total': 'Wh',
      'switch:0.temperature.tC': '°C',
      'switch:0.temperature.tF': '°F',
    },
  },
  {
    project: 'shelly',
    what: 'a sensor that sleeps and sends all at once',
    page: `${SHELLY}General/Notifications (NotifyFullStatus), ComponentsAndServices/Humidity, Temperature, DevicePower`,
    topic: 'shellyplusht-08b61fcb7d9c/events/rpc',
    payload:
      '{"src":"shellyplusht-08b61fcb7d9c","dst":"shellyplusht-08b61fcb7d9c/events","method":"NotifyFullStatus","params":{"ts":1668603602.19,"cloud":{"connected":true},"devicepower:0":{"id":0,"battery":{"V":6.31,"percent":100},"external":{"present":false}},"humidity:0":{"id":0,"rh":44.2},"temperature:0":{"id":0,"tC":21.3,"tF":70.4},"sys":{"ram_free":171440,"uptime":1},"wifi":{"ssid":"home","rssi":-52}}}',
    sensor: 'shellyplusht-08b61fcb7d9c',
    values: {
      'devicepower:0.battery.V': 6.31,
      'devicepower:0.battery.percent': 100,
      'devicepower:0.external.present': 0,
      'humidity:0.rh': 44.2,
      'temperature:0.tC': 21.3,
      'temperature:0.tF': 70.4,
      'wifi.rssi': -52,
    },
    units: {
      'devicepower:0.battery.V': 'V',
      'devicepower:0.battery.percent': '%',
      'humidity:0.rh': '%',
      'temperature:0.tC': '°C',
      'temperature:0.tF': '°F',
      'wifi.rssi': 'dBm',
    },
    tsMs: 1_668_603_602_190,
  },
  {
    project: 'esphome',
    what: 'a sensor',
    page: `${ESPHOME}mqtt.html (<TOPIC_PREFIX>/sensor/<NAME>/state)`,
    topic: 'livingroom/sensor/outside_temperature/state',
    payload: '21.4',
    sensor: 'livingroom',
    values: { outside_temperature: 21.4 },
  },
  {
    project: 'esphome',
    what: 'a binary sensor',
    page: `${ESPHOME}binary_sensor/ (payloads ON and OFF)`,
    topic: 'livingroom/binary_sensor/front_door/state',
    payload: 'ON',
    sensor: 'livingroom',
    values: { front_door: 1 },
  },
  {
    project: 'esphome',
    what: 'a light',
    page: `${ESPHOME}mqtt.html, JSON schema of lights`,
    topic: 'site/node1/light/lamp/state',
    payload: '{"state":"ON","brightness":255}',
    sensor: 'site-node1-0rclb1y',
    values: { 'lamp.state': 1, 'lamp.brightness': 255 },
  },
];
