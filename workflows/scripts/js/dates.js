// Luxon, the date library: read when a date is first asked for, since it costs as much as all else.

let loaded = null;
const luxon = () => loaded ?? readLuxon();
const isDateTime = (value) => loaded !== null && loaded.DateTime.isDateTime(value);
const isDuration = (value) => loaded !== null && loaded.Duration.isDuration(value);

function readLuxon() {
  loaded = makeFunction('Function', `${LUXON}; return luxon;`)(makeFunction);
  tellDates(loaded.DateTime);
  keepOffsets(loaded.IANAZone);
  setZone(loaded.Settings);
  if (memory !== null) noteDates();
  return loaded;
}

function setZone(settings) {
  settings.defaultZone = S.scope.zone;
  if (!settings.defaultZone.isValid) settings.defaultZone = 'utc';
}

/** Let dates carry their kind in marked JSON. */
function tellDates(DateTime) {
  const toJson = DateTime.prototype.toJSON;
  defineProperty(DateTime.prototype, 'toJSON', {
    value: function toJSON() {
      return marking && this.isValid ? `${MARK}L${textOfDateTime(this)}` : toJson.call(this);
    },
    writable: true,
    configurable: true,
  });
}

function textOfDateTime(value) {
  const zone = value.zone;
  return value.toISO() + (zone.type === 'iana' || zone.type === 'system' ? `[${value.zoneName}]` : '');
}

const QUARTER = 900000;
const SETTLED = Date.UTC(1980, 0, 1); // before, some zones moved at odd minutes

/** Ask only once what Intl says about a quarter of an hour in a zone. Zones never change. */
function keepOffsets(IANAZone) {
  const askOffset = IANAZone.prototype.offset;
  const offsets = new Map();
  IANAZone.prototype.offset = function offset(ts) {
    if (!(ts >= SETTLED)) return askOffset.call(this, ts);
    let known = offsets.get(this.name);
    if (known === undefined) offsets.set(this.name, (known = new Map()));
    const slot = Math.floor(ts / QUARTER);
    let found = known.get(slot);
    if (found === undefined) {
      found = askOffset.call(this, ts);
      if (known.size > 5000) known.clear();
      known.set(slot, found);
    }
    return found;
  };
  const { create } = IANAZone;
  IANAZone.create = (name) => nativeObject.freeze(create(name));
}

/** Names that need the library, made when they are used; now and today are the same in one batch. */
const DATE_NAMES = {
  DateTime: () => luxon().DateTime,
  Duration: () => luxon().Duration,
  Interval: () => luxon().Interval,
  $now: () => (S.now ??= luxon().DateTime.now()),
  $today: () => DATE_NAMES.$now().startOf('day'),
};
