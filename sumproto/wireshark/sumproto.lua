-- The sum exchange in Wireshark: Kurose & Ross, socket assignment 1, in all dialects of sumproto.
--
-- `python -m sumproto.wireshark --install` puts this file where Wireshark finds it. It reads TCP
-- and UDP port 12000, or those of the preference sumproto.ports; for any other, "Decode As" the
-- port of the server as SUMPROTO. What goes to that port is a request, what comes from it a reply.
-- Messages are read by the rules of docs/protocol.md, with these limits:
--
-- * A message with no newline ends by silence, which no dissector can wait for. So bytes at the end
--   of a segment that are a whole message are taken as one at once. If the same side goes on before
--   the other has answered, they were cut: the later segment then shows all of the message, and
--   the earlier one where it goes on, once that is known (in Wireshark, and in tshark with -2).
--   Bytes that are no message yet wait for the next segment, by way of TCP's reassembly; if they
--   never become one, they are left to TCP.
-- * Behind bytes that are no message, the rest of the segment is not read; the next is, anew.
-- * Over TCP, replies answer the requests between two addresses and ports in order. Over UDP, where
--   messages may be lost, a reply answers the latest request, if that has no reply yet: of a request
--   that was sent again, the last copy. The response time is counted from there. Malformed
--   datagrams get no reply.
-- * Packets that were captured in part, or quoted in an ICMP error, are left alone. Behind a part,
--   requests before it have no reply, and a reply may be matched to a request that is too late, if
--   more than one was open. So it is, with no sign, behind a packet that is not in the capture.
-- * Segments in the wrong order are put in order by TCP's tcp.reassemble_out_of_order only.
-- * What is a letter, or prints, is as in the Unicode of Wireshark's PCRE2, not of Python.
--
-- The sections from "Messages" to "Sums" have the names, the functions and the order of the Python
-- modules in sumproto/core/dialects, and their patterns, for both have regular expressions: what
-- changes there has to change here. A span is `start`, an index, and `stop`, the one behind it.
-- Functions end with `malformed` and the like where Python raises a `MessageError`.
--
-- Wireshark 4.0 or later, with Lua 5.2 or 5.4 and PCRE2.

-- Limits and thresholds, as in Python's modules of these names.
local MESSAGE = {
  lowest = 1,
  highest = 100,
  max_name = 255, -- characters
  max_message = 1024, -- bytes
}
local LINES = { max_with_digits = 8 * MESSAGE.max_message } -- bytes
local CREDIBLE = {
  -- By width: its place from few texts to many, and how many letters a name needs.
  order = {
    labelled = 0, comma = 1, classic = 2, number_first = 3, punctuation = 4, unusual = 5, glued = 6,
  },
  letters = {
    labelled = 0, comma = 1, classic = 1, number_first = 3, punctuation = 3, unusual = 5, glued = 5,
  },
  -- The widest way of writing in which a name of each shape is believed.
  widest = {
    odd = "labelled", mixed = "comma", regular = "number_first", plain = "glued", says_so = "glued",
  },
  telling = 3,
  most_symbols = 1 / 8,
  digits_of_an_id = 5,
  in_binary = 1, -- the characters of a number that is written in none
  most_probable = 0xffff,
}
local LABELS = { longest_label = 40, most_labels = 32 } -- characters, labels
local COUNTED = { narrowest = 4, widest = 64, most_digits = 4 } -- characters
local STRUCTURES = { look_back = 32 } -- bytes
local BEGINNINGS = { look_ahead = 32 } -- bytes
local FOREIGN = { looked_at = 64 } -- bytes

local EXACT_DIGITS = 15 -- that a Lua 5.2 number holds
local SHOWN = 40 -- digits of a longer one
local UDP = 3 -- as pinfo.port_type

local sumproto = Proto("sumproto", "Sum Exchange")

local fields = {
  name = ProtoField.string("sumproto.name", "Name", base.UNICODE),
  number = ProtoField.int64("sumproto.number", "Number"),
  big_number = ProtoField.string("sumproto.big_number", "Number of more than 15 digits"),
  sum = ProtoField.int64("sumproto.sum", "Sum"),
  dialect = ProtoField.string("sumproto.dialect", "Dialect"),
  template = ProtoField.string("sumproto.template", "Template", base.UNICODE),
  error = ProtoField.string("sumproto.error", "Error"),
  explanation = ProtoField.string("sumproto.explanation", "Explanation", base.UNICODE),
  request_in = ProtoField.framenum(
    "sumproto.request_in", "Request in", base.NONE, frametype.REQUEST),
  response_in = ProtoField.framenum(
    "sumproto.response_in", "Reply in", base.NONE, frametype.RESPONSE),
  continued_in = ProtoField.framenum("sumproto.continued_in", "Continued in"),
  time = ProtoField.relative_time("sumproto.time", "Response time"),
}
sumproto.fields = fields

local experts = {
  malformed = ProtoExpert.new(
    "sumproto.malformed", "Malformed", expert.group.MALFORMED, expert.severity.ERROR),
  too_long = ProtoExpert.new(
    "sumproto.too_long", "Too long", expert.group.MALFORMED, expert.severity.ERROR),
  out_of_range = ProtoExpert.new(
    "sumproto.out_of_range", "Out of range", expert.group.PROTOCOL, expert.severity.WARN),
}
sumproto.experts = experts

-- What is read is a table. Of a message: `name`, `number` (normal digits), the places of both
-- unless they are no bytes of the packet, and `dialect`, with a `notation` and an `envelope` or, of
-- what is not text, with a `record` or a `struct`. Of an error reply: `error` and `explanation`. Of
-- anything else: `wrong` says why, or `aside` what it is. All but what is wrong have `stop`, the
-- index of the last byte.

local function wrong(why)
  return { wrong = why, expert = experts.malformed }
end

local function malformed(why)
  error(wrong(why))
end

local function too_long()
  local why = ("a message has at most %d bytes"):format(MESSAGE.max_message)
  error({ wrong = why, expert = experts.too_long })
end

-- What `read` gives, or the table that it ends with.
local function catch(read, ...)
  local ok, result = pcall(read, ...)
  if not ok and type(result) ~= "table" then
    error(result, 0)
  end
  return result, ok
end

-- Characters -----------------------------------------------------------------------------------

-- A pattern for bytes, and one for the characters of valid UTF-8.
local function bytes(pattern)
  return rex_pcre2.new(pattern, rex_pcre2.flags().DOTALL)
end

local function characters(pattern)
  return rex_pcre2.new(pattern, rex_pcre2.flags().UTF)
end

local CHARACTER = "[^\128-\191][\128-\191]*"

-- The characters of `text` as the keys of a table.
local function set_of(text)
  local set = {}
  for character in text:gmatch(CHARACTER) do
    set[character] = true
  end
  return set
end

local function slice(text, start, stop)
  return text:sub(start, stop - 1)
end

local function char_at(text, at)
  local byte = text:byte(at)
  return byte and byte < 0x80 and text:sub(at, at) or text:match("^" .. CHARACTER, at) or ""
end

-- The character that ends before `stop`; "" if none does.
local function char_before(text, stop)
  local start = stop - 1
  while start > 1 and text:byte(start) >= 0x80 and text:byte(start) < 0xC0 do
    start = start - 1
  end
  return text:sub(math.max(start, 1), stop - 1)
end

-- The index behind all in `set` from `start` on, and before `stop`.
local function skip(text, set, start, stop)
  while start < (stop or #text + 1) do
    local character = char_at(text, start)
    if not set[character] then
      break
    end
    start = start + #character
  end
  return start
end

-- The index before all in `set` that end before `stop`, and begin at `start` or later.
local function skip_back(text, set, stop, start)
  while stop > (start or 1) do
    local character = char_before(text, stop)
    if not set[character] then
      break
    end
    stop = stop - #character
  end
  return stop
end

-- At most `count` characters of `text` from `start` on.
local function characters_from(text, start, count)
  local near = text:sub(start, start + count - 1)
  if not near:find("[\128-\255]") then
    return near
  end
  local stop = start
  for _ = 1, count do
    stop = stop + #char_at(text, stop)
  end
  return slice(text, start, stop)
end

-- At most `count` characters of `text` that end before `stop`.
local function characters_before(text, stop, count)
  local near = text:sub(math.max(1, stop - count), stop - 1)
  if not near:find("[\128-\255]") then
    return near
  end
  local start = stop
  for _ = 1, count do
    start = start - #char_before(text, start)
  end
  return slice(text, start, stop)
end

local function count_characters(text)
  return select(2, text:gsub("[^\128-\191]", ""))
end

local BLANKS = " \t"
local BLANK, DIGIT, BREAK = set_of(BLANKS), set_of("0123456789"), set_of("\r\n")
local ALPHA = characters([[\A\p{L}\z]])
local ALNUM = characters([[\A[\p{L}\p{N}]\z]])

local function count_letters(text)
  local letters = 0
  for character in text:gmatch(CHARACTER) do
    letters = letters + (ALPHA:find(character) and 1 or 0)
  end
  return letters
end

local function strip(text, set)
  local start = skip(text, set, 1)
  return slice(text, start, skip_back(text, set, #text + 1, start)), start
end

local function strip_end(text)
  return slice(text, 1, skip_back(text, BLANK, #text + 1))
end

local UTF8 = [=[[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]]=]
  .. [=[|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]]=]
  .. [=[|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}]=]
local IS_UTF8 = bytes([[\A(?:]] .. UTF8 .. [[)*+\z]])
local IN_UTF8 = bytes("((?:" .. UTF8 .. [=[)++)|\xe0[\xa0-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]]=]
  .. [=[|\xed[\x80-\x9f]|\xf0[\x90-\xbf][\x80-\xbf]?|[\xf1-\xf3][\x80-\xbf]{1,2}]=]
  .. [=[|\xf4[\x80-\x8f][\x80-\xbf]?|.]=])

local function is_utf8(data)
  return not data:find("[\128-\255]") or IS_UTF8:find(data) ~= nil
end

-- `data`, with U+FFFD for what is no UTF-8, as Python has it.
local function replace_errors(data)
  return is_utf8(data) and data or (rex_pcre2.gsub(data, IN_UTF8, function(valid)
    return valid or "\239\191\189"
  end))
end

local function encode_utf8(code)
  if code < 0x80 then
    return string.char(code)
  end
  local size = code < 0x800 and 2 or code < 0x10000 and 3 or 4
  local encoded = ""
  for _ = 2, size do
    encoded = string.char(0x80 + code % 64) .. encoded
    code = math.floor(code / 64)
  end
  return string.char(256 - math.floor(2 ^ (8 - size)) + code) .. encoded
end

-- Messages -------------------------------------------------------------------------------------

local NOT_PRINTING = characters([=[(?! )[\p{C}\p{Z}]]=])

local function prints(text)
  return not text:find("[^ -~]") or is_utf8(text) and not NOT_PRINTING:find(text)
end

local ESCAPED = { ["\t"] = "\\t", ["\n"] = "\\n", ["\r"] = "\\r" }

local function escape_character(character)
  local lead = character:byte()
  if #character == 1 then
    return ESCAPED[character] or ("\\x%02x"):format(lead)
  end
  local code = lead % 2 ^ (7 - #character)
  for at = 2, #character do
    code = code * 64 + character:byte(at) % 64
  end
  local form = code < 0x100 and "\\x%02x" or code < 0x10000 and "\\u%04x" or "\\U%08x"
  return form:format(math.floor(code))
end

-- `text` as it may be shown: what does not print is escaped, or all beyond ASCII if it is no UTF-8.
local function escape(text)
  if prints(text) then
    return text
  elseif is_utf8(text) then
    return (rex_pcre2.gsub(text, NOT_PRINTING, escape_character))
  end
  return (text:gsub("[%c\128-\255]", escape_character))
end

local function shorten(text)
  local size = count_characters(text)
  if size <= SHOWN then
    return escape(text)
  end
  return ("%s... (%d characters)"):format(escape(characters_from(text, 1, SHOWN)), size)
end

local function is_integer(text)
  return text:find("^[+-]?[0-9]+$") ~= nil
end

local function parse_name(text)
  local name = strip(text, BLANK)
  local size = count_characters(name)
  if not is_utf8(name) then
    malformed("it is not UTF-8")
  elseif size == 0 then
    malformed("there is no name")
  elseif size > MESSAGE.max_name then
    malformed(("a name of %d characters; %d are allowed"):format(size, MESSAGE.max_name))
  elseif not prints(name) then
    malformed(("the name '%s' has characters that do not print"):format(shorten(name)))
  end
  return name
end

-- The digits of an integer with no needless sign or zero.
local function parse_number(text)
  if not is_integer(text) then
    malformed(("'%s' is not an integer"):format(shorten(text)))
  end
  local digits = text:match("[1-9][0-9]*$") or "0"
  return (text:sub(1, 1) == "-" and digits ~= "0" and "-" or "") .. digits
end

-- A normal number as a Lua number; nil if it has more digits than that holds.
local function to_value(number)
  return number and #number:gsub("-", "") <= EXACT_DIGITS and tonumber(number) or nil
end

local function in_range(number)
  local value = to_value(number)
  return value ~= nil and value >= MESSAGE.lowest and value <= MESSAGE.highest
end

local INT = 4 -- bytes

-- The 32 bits at `at` as an integer.
local function unpack_int(data, at, order)
  local a, b, c, d = data:byte(at, at + INT - 1)
  if order == "<" then
    a, b, c, d = d, c, b, a
  end
  return (a >= 0x80 and a - 0x100 or a) * 0x1000000 + b * 0x10000 + c * 0x100 + d
end

-- Words ----------------------------------------------------------------------------------------

local words = {}
do
  local WORDS = {
    name = "name username fullname clientname servername user nick nickname alias login sender "
      .. "author from who player student person nom nombre nome имя 名前 姓名 名字",
    number = "number num nr no int integer value val random rand guess choice pick digit "
      .. "data content message payload body clientnumber servernumber numero número numéro zahl "
      .. "nummer entier entero число 数字",
    sum = "sum total result length size suma soma summe somme сумма 合計 总和",
  }
  local KINDS, PARTIES, WHOSE = {}, { client = true, server = true }, {}
  for kind, of_kind in pairs(WORDS) do
    for word in of_kind:gmatch("%S+") do
      KINDS[word] = kind
    end
  end
  for word in ("client server s my your our their his her its the is"):gmatch("%S+") do
    WHOSE[word] = true
  end
  local LETTER = [[(?:(?![A-Z])[\p{L}\p{Nl}\p{No}])]]
  local WORD = characters("[A-Z]?" .. LETTER .. "+|[A-Z]+(?!" .. LETTER .. ")")
  local SERVER = { client = "server", Client = "Server", CLIENT = "SERVER" }

  -- The small letter of each capital beyond ASCII that may be in a word of the table; the sign of
  -- the kelvin is one, too.
  local SMALL = { ["\226\132\170"] = "k" }
  do
    local small = ("éúиаклмосучя"):gmatch(CHARACTER)
    for capital in ("ÉÚИАКЛМОСУЧЯ"):gmatch(CHARACTER) do
      SMALL[capital] = small()
    end
  end

  local function lower(text)
    return (text:lower():gsub("[\194-\244][\128-\191]+", SMALL))
  end

  -- What `label` announces, "name", "number" or "sum"; nil if it has no word of the table.
  function words.kind_of(label)
    local is_party, telling = false, nil
    for word in rex_pcre2.gmatch(label, WORD) do
      word = lower(word)
      is_party = is_party or PARTIES[word]
      telling = not WHOSE[word] and word or telling
    end
    if telling then
      return KINDS[telling]
    end
    return is_party and "name" or nil
  end

  -- Whether `text` is a word that announces neither a name nor a number: Sum.
  function words.is_no_name(text)
    return KINDS[lower(text:match("[^-]*$"))] == "sum"
  end

  -- Whether `word` only says to whom belongs what the next one names.
  function words.says_whose(word)
    for part in rex_pcre2.gmatch(word, WORD) do
      if not WHOSE[part:lower()] then
        return false
      end
    end
    return true
  end

  function words.party_of(label)
    local lower = label:lower()
    return lower:find("server", 1, true) and "server" or lower:find("client", 1, true) and "client"
  end

  function words.as_server(label)
    return (label:gsub("[Cc][Ll][Ii][Ee][Nn][Tt]", SERVER))
  end
end

-- Credible -------------------------------------------------------------------------------------

local credible = {}
do
  local SAYS_SO = characters([=[(?<![\p{L}\p{N}])(?i:client|server|user|student)]=])
  local WORD = "(?:(?:[0-9]{1,3}(?=[a-z]{2}))?(?:[A-Z]?[a-z]+|[A-Z]+)(?:[A-Z][a-z]+)?[0-9]{0,9}"
    .. "|(?=(?:[0-9]*[A-Z]){2})(?=[A-Z]*[0-9]+[A-Z])[A-Z0-9]{3,})(?![A-Za-z0-9])"
  local GAP = [==[(?:[].,)\"']{0,2} [(\[&\"'#-]? ?|[.,'&/@+#_-])]==]
  local REGULAR = bytes([==[\A[(\"']?(?:[0-9]{1,9} )?]==] .. WORD .. "(?:" .. GAP
    .. "(?:" .. WORD .. [==[|[0-9]{1,9}[a-z]?))*(?:[].)\"']{0,2}|[+!?]{1,2})\z]==])
  local LIKELY = "(?:[a-z]+|[A-Z][a-z]+(?:[A-Z][a-z]{2,})?|[A-Z]+)(?<=[A-Za-z]{2})[0-9]{0,4}"
  local PLAIN = bytes(
    [=[\A(?:[A-Z](?=['. ])|]=] .. LIKELY .. ")(?:(?:[.,]? |['_-])(?:"
      .. LIKELY .. [=[|[A-Z]|[0-9]{1,4}))*[.]?\z]=])
  local UNSPOKEN = bytes([=[(?<![A-Za-z])[^AEIOUYaeiouy\W\d_]{3,}(?![A-Za-z])]=])

  -- How many letters there are in `name`, and its shape. Beyond ASCII, each character counts as
  -- three.
  local function look_at(name)
    if SAYS_SO:find(name) then
      return count_characters(name), "says_so"
    end
    local text = name:gsub("[\194-\244][\128-\191]+", "aaa")
    local letters = select(2, text:gsub("[A-Za-z]", ""))
    if #text >= CREDIBLE.digits_of_an_id and not text:find("[^0-9]") then
      return #text, "regular"
    elseif PLAIN:find(text) and not UNSPOKEN:find(text) then
      return letters, "plain"
    elseif REGULAR:find(text) then
      return letters, "regular"
    end
    local symbols = select(2, text:gsub("[^A-Za-z0-9 \t]", ""))
    return letters, symbols <= #text * CREDIBLE.most_symbols and "mixed" or "odd"
  end

  -- Ends in an error if `name` and `number`, of `written` characters, are noise more likely.
  function credible.check(name, number, written, width)
    if width == "labelled" then
      return
    end
    local order = CREDIBLE.order
    local letters, shape = look_at(name)
    local needed, widest = CREDIBLE.letters[width], order[width]
    if width == "classic" and letters + written < CREDIBLE.telling then
      needed = CREDIBLE.telling
    end
    if not in_range(number) then
      letters = count_letters(name)
      if written == CREDIBLE.in_binary and math.abs(tonumber(number)) > CREDIBLE.most_probable then
        needed, widest = CREDIBLE.letters.unusual, math.max(widest, order.punctuation)
      elseif widest > order.classic then
        needed, widest = needed + 2, math.max(widest, order.punctuation)
      elseif written < CREDIBLE.telling then
        needed, widest = CREDIBLE.telling, order.punctuation
      else
        needed, widest = widest + 1, order.classic
      end
    end
    if widest == order.number_first and shape == "regular" then
      needed = needed + 1
    end
    local is_believed = letters >= needed and widest <= order[CREDIBLE.widest[shape]]
    if shape ~= "says_so" and not is_believed then
      malformed(("'%s' does not look like a name"):format(shorten(name)))
    end
  end

  -- Ends in an error if the int at `at` may have been meant otherwise than as this `number`: as
  -- digits, in the other byte order or cut, or as the last letters of a name.
  function credible.check_int(data, at, number)
    if in_range(number) then
      return
    end
    local written = slice(data, at, at + INT)
    local byte = written:match("^\0*([^\0])\0*$")
    local is_moved = byte and in_range(("%d"):format(byte:byte()))
    if written:find("[0-9][0-9]") or is_moved then
      malformed("the number may be digits, in another byte order, or cut")
    elseif math.abs(tonumber(number)) > CREDIBLE.most_probable and written:find("^[A-Za-z]") then
      malformed("text may go on behind its length")
    end
  end
end

-- Marks, labels, notation and reading ------------------------------------------------------------

local reading = {}
do
  local CLASSIC = { [""] = true, [","] = true, [";"] = true, [":"] = true, ["|"] = true }
  local QUOTES = "\"'`"
  local OPENING, CLOSERS_OF = "([{<“‘«" .. QUOTES, ")]}>”’»" .. QUOTES
  local CLOSING, OPENER_OF = {}, {}
  do
    local closers = CLOSERS_OF:gmatch(CHARACTER)
    for opener in OPENING:gmatch(CHARACTER) do
      local closer = closers()
      CLOSING[opener] = closer
      OPENER_OF[closer] = opener ~= closer and opener or nil
    end
  end
  local ENDS = { [">"] = "<", ["="] = "&" } -- of a value in XML, and of one that is urlencoded
  local PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
  local QUOTE, BRACKET = set_of(QUOTES), set_of(OPENING .. CLOSERS_OF)
  local OPENER, CLOSER = set_of(BLANKS .. OPENING), set_of(BLANKS .. CLOSERS_OF)
  local BEYOND_ASCII = "–—…·•→、，。：；｜／"
  local AROUND_CHARACTERS = BLANKS .. PUNCTUATION .. "“”‘’«»" .. BEYOND_ASCII
  local AROUND = set_of(AROUND_CHARACTERS)
  local BEHIND, BEFORE_SIGN = set_of(AROUND_CHARACTERS), set_of(AROUND_CHARACTERS)
  for character in (".!?…。"):gmatch(CHARACTER) do
    BEHIND[character] = nil
  end
  for character in ("+-<"):gmatch(CHARACTER) do
    BEFORE_SIGN[character] = nil
  end
  local BEHIND_STOP = set_of(BLANKS .. ",;:|" .. BLANKS .. CLOSERS_OF .. "&<")
  local USUAL = set_of(",;:|/-_#~=&.+*" .. BEYOND_ASCII)
  local SEPARATOR = set_of(",;:|=/#~")
  local NUMERAL_CHARACTER = set_of("0123456789._eE+-")
  local NO_INTEGER =
    [=[\G[+-]?(?:[.]\p{Nd}|\p{Nd}+(?:[._]\p{Nd}|[eE][+-]?\p{Nd}))[\p{Nd}._]*]=]
  local NO_INTEGER_ALONE = characters(NO_INTEGER .. [[\z]])
  NO_INTEGER = characters(NO_INTEGER)
  local OTHER_DIGIT = characters([=[\A(?![0-9])[\p{Nd}\x{b2}\x{b3}\x{b9}\x{2070}\x{2074}-\x{2079}]=]
    .. [=[\x{2080}-\x{2089}|\x{2460}-\x{2468}]\z]=])
  -- A name alone of letters and single blanks. What is a power or in a circle is like a letter.
  local SIMPLE_NAME = characters(
    [=[\A[\p{L}\p{Nl}\p{No}]++(?: [\p{L}\p{Nl}\p{No}]++)*+\z]=])
  local DELIMITER = bytes([=[[:=]+>?|>(?![ \t]*<)]=])
  local LAST_WORD = characters([=[(?<![\p{L}\p{N}_])([\p{L}\p{Nl}\p{No}]]=]
    .. [=[(?:[\p{L}\p{N}_-]|['’](?=[\p{L}\p{N}_]))*)["'`]?[ \t]*\z]=])
  local ARROW = bytes([=[\A(?:<?[-=~]+>|:=+)\z]=])
  local FIELD = characters(
    [=[[,;:|=&/+*(\[{<"'\\\t][ \t]{0,4}([+-]?[0-9]{1,9})(?![\p{L}\p{N}])]=])
  local NUMBER_FIRST = bytes([=[\A[ \t]*[+-]?[0-9]+[ \t,;:|]]=])
  local HTTP = bytes([=[[ \t](?i:HTTP)/[0-9.]+[ \t]*\z]=])

  local function span(start, stop)
    return { start = start, stop = stop }
  end

  -- Whether what is before `at` ends in the sign of the digits there.
  local function has_sign(text, at)
    local sign = text:sub(at - 1, at - 1)
    local is_sign = at > 1 and (sign == "+" or sign == "-")
    return is_sign and (at == 2 or BEFORE_SIGN[char_before(text, at - 1)])
  end

  -- Where in the punctuation before `stop`, with which `text` begins, a name begins.
  local function plain_start(text, stop)
    local last = char_before(text, skip_back(text, BLANK, #text + 1))
    local start = 1
    while start < stop do
      local character = char_at(text, start)
      if not OPENER[character] and character ~= last then
        return start
      end
      start = start + #character
    end
    return stop
  end

  local function has_any(text, set)
    for character in text:gmatch(CHARACTER) do
      if set[character] then
        return true
      end
    end
    return false
  end

  local function count(text, character)
    local found = 0
    for one in text:gmatch(CHARACTER) do
      found = found + (one == character and 1 or 0)
    end
    return found
  end

  -- Whether `closer` is a bracket that closes one in `text`.
  local function is_open(text, closer)
    local opener = OPENER_OF[closer]
    return opener and count(text, opener) > count(text, closer)
  end

  -- Where the quoted text from `start` on ends; nil if it has no opening or closing quote.
  local function quoted_stop(text, start)
    local quote = char_before(text, start)
    if not QUOTE[quote] then
      return nil
    end
    local at = start
    while at <= #text do
      local character = text:sub(at, at)
      if character == quote then
        return at
      end
      at = at + (character == "\\" and 2 or 1)
    end
  end

  -- Where a name ends if its own closing brackets, or its full stop, are at `stop`.
  local function own_stop(text, start, stop)
    local closer = char_at(text, stop)
    while is_open(slice(text, start, stop), closer) do
      stop = stop + #closer
      closer = char_at(text, stop)
    end
    local has_stop = closer == "." and BEHIND_STOP[char_at(text, stop + 1)]
    return has_stop and stop + 1 or stop
  end

  -- `name` with the brackets and quotes that are its own: those in pairs with none outside.
  local function fit(text, name, number)
    local is_first = name.start < number.start
    local first, second = is_first and name or number, is_first and number or name
    local around = slice(text, 1, first.start) .. text:sub(first.stop)
    if not has_any(around, BRACKET) then
      return name
    end
    local start, stop, unmatched = name.start, name.stop, {}
    local outside = { span(1, first.start), span(first.stop, second.start) }
    outside[3] = span(second.stop, #text + 1)
    for _, part in ipairs(outside) do
      local index = part.start
      while index < part.stop do
        local character = char_at(text, index)
        local open = unmatched[#unmatched]
        if index == stop and is_open(slice(text, start, stop), character) then
          stop = stop + #character
        elseif open and CLOSING[char_at(text, open)] == character then
          table.remove(unmatched)
        elseif index == stop and QUOTE[character]
          and slice(text, start, stop):find(character, 1, true) then
          stop = stop + #character
        elseif CLOSING[character] then
          table.insert(unmatched, index)
        end
        index = index + #character
      end
    end
    for _, index in ipairs(unmatched) do
      if index < name.start and (is_first or index >= number.stop) then
        start = math.min(start, index)
      end
    end
    return span(start, stop)
  end

  -- Ends in an error if what is before `stop` is a number, but not an integer.
  local function check_numeral(text, stop)
    local start = skip_back(text, NUMERAL_CHARACTER, stop)
    local field = slice(text, start, stop)
    if NO_INTEGER_ALONE:find(field) and not ALNUM:find(char_before(text, start)) then
      malformed(("'%s' is not an integer"):format(shorten(field)))
    end
  end

  -- Where the label begins that ends before `stop`, with what says whose it is; `stop` if none.
  local function label_start(text, stop)
    local start = stop
    while true do
      local window = characters_before(text, start, LABELS.longest_label)
      local from, _, word = LAST_WORD:find(window)
      if not from or start < stop and not words.says_whose(word) then
        return start
      end
      start = start - (#window - from + 1)
    end
  end

  -- Where the value begins whose label, of `kind`, is at `start`; nil if there is no such label.
  local function label_at(text, start, kind)
    local window = characters_from(text, start, LABELS.longest_label)
    local from, to = DELIMITER:find(window)
    if from and words.kind_of(window:sub(1, from - 1)) == kind then
      return skip(text, OPENER, start + to)
    end
  end

  -- Where a name ends behind which there is a number, perhaps with a label of its own.
  local function label_before(text, number_start)
    local stop = skip_back(text, AROUND, number_start)
    local between = slice(text, stop, number_start)
    if not between:find("^[ \t\"'`]*[:=]") then
      return stop
    end
    local start = label_start(text, stop)
    if words.kind_of(slice(text, start, stop)) ~= "number" then
      return stop
    end
    return skip_back(text, AROUND, start)
  end

  -- The labels in `text`, from left to right.
  local function labels_of(text)
    local labels, at = {}, 1
    for _ = 1, LABELS.most_labels do
      local from, to = DELIMITER:find(text, at)
      if not from then
        break
      end
      local start = label_start(text, from)
      local is_tag = text:sub(from, to) == ">"
      if start < from and (not is_tag or text:sub(start - 1, start - 1) == "<") then
        local kind = words.kind_of(slice(text, start, from))
        table.insert(labels, { kind = kind, start = start, stop = to + 1 })
      end
      at = to + 1
    end
    return labels
  end

  local function may_have_labels(text)
    return text:find("[:=]") or text:find("</", 1, true)
  end

  -- What is from `start` to `stop` without what is around it.
  local function value_of(text, start, stop)
    start = skip(text, OPENER, start, stop)
    local before = char_before(text, start)
    local closing
    if QUOTE[before] then
      closing = quoted_stop(text, start)
    else
      local closer = ENDS[before] or CLOSING[before] or "\n"
      closing = text:find(closer, start, true)
      closing = closing and closing + #closer <= stop and closing
    end
    if closing and closing <= stop then
      return span(start, skip_back(text, BLANK, closing, start))
    end
    return span(start, math.min(stop, own_stop(text, start, skip_back(text, AROUND, stop, start))))
  end

  -- The values of `labels`, in their order.
  local function values_of(text, labels)
    local values = {}
    for index, label in ipairs(labels) do
      local stop = #text + 1
      for other = #labels, 1, -1 do
        stop = labels[other].start >= label.stop and labels[other].start or stop
      end
      values[index] = value_of(text, label.stop, stop)
    end
    return values
  end

  -- Each of these finds the name and the number in a text that is written in one way.

  local function find_name_first(text)
    local stop = skip_back(text, BEHIND, #text + 1)
    local start = skip_back(text, DIGIT, stop)
    if start == stop then
      return nil
    end
    local number = span(has_sign(text, start) and start - 1 or start, stop)
    local name_stop = label_before(text, number.start)
    local name_start = skip(text, AROUND, 1)
    local labelled = label_at(text, name_start, "name")
    if labelled and name_start < labelled and labelled < name_stop then
      name_start = labelled
    else
      name_start = plain_start(text, name_start)
    end
    if name_start >= name_stop or name_stop == number.start then
      return nil
    end
    local closing = quoted_stop(text, name_start)
    local name
    if closing and name_start < closing and closing <= number.start
      and skip(text, AROUND, closing) >= number.start then
      name = span(name_start, closing)
    else
      name = fit(text, span(name_start, name_stop), number)
      name.stop = own_stop(text, name.start, name.stop)
    end
    if name.stop == number.start then
      return nil
    end
    check_numeral(text, stop)
    return name, number
  end

  local function find_number_first(text)
    local start = skip(text, AROUND, 1)
    start = label_at(text, start, "number") or start
    local stop = skip(text, DIGIT, start)
    if start == stop then
      return nil
    end
    local number = span(has_sign(text, start) and start - 1 or start, stop)
    if not label_at(text, 1, "number") and plain_start(text, number.start) < number.start then
      return nil
    end
    local name_start = skip(text, AROUND, stop)
    if name_start == stop then
      return nil
    end
    local between = set_of(slice(text, stop, name_start))
    name_start = label_at(text, name_start, "name") or name_start
    local name_stop = skip_back(text, BLANK, #text + 1)
    while name_stop > name_start do
      local last = char_before(text, name_stop)
      if not (between[last] and BEHIND[last]) then
        break
      end
      name_stop = name_stop - #last
    end
    name_stop = skip_back(text, CLOSER, name_stop)
    if name_start >= name_stop then
      return nil
    end
    local from, to = NO_INTEGER:find(text, number.start)
    if from and not ALPHA:find(char_at(text, to + 1)) then
      malformed(("'%s' is not an integer"):format(shorten(text:sub(from, to))))
    end
    local closing = quoted_stop(text, name_start)
    local name
    if closing and name_start < closing and skip(text, AROUND, closing) > #text then
      name = span(name_start, closing)
    else
      name = fit(text, span(name_start, name_stop), number)
    end
    if name.start > number.stop then
      return name, number
    end
  end

  local function find_glued(text)
    local start = skip_back(text, DIGIT, #text + 1)
    if start <= #text and ALPHA:find(char_before(text, start)) then
      check_numeral(text, #text + 1)
      return span(1, start), span(start, #text + 1)
    end
  end

  local function find_labelled(text)
    local labels = labels_of(text)
    local values = values_of(text, labels)
    local name, number
    for index, label in ipairs(labels) do
      if label.kind == "name" then
        if name then
          return nil
        end
        name = values[index]
      elseif label.kind == "number" then
        if number then
          return nil
        end
        number = values[index]
      end
    end
    if name and number and name.start < name.stop and number.start < number.stop then
      return name, number
    end
  end

  -- The two in a text with no labels.
  local function find(text)
    if NUMBER_FIRST:find(text) then
      local found, is_found = catch(function()
        return { find_name_first(text) }
      end)
      local name, number = found[1], found[2]
      if is_found and name and slice(text, name.stop, number.start):find("[ \t,;:|]$") then
        return name, number
      end
      return find_number_first(text)
    end
    local name, number = find_name_first(text)
    if name then
      return name, number
    end
    return find_number_first(text)
  end

  -- How a name is written that stands at `start`, which what is right before it shows.
  local function coding_of(text, start, written)
    local before = start > 1 and char_before(text, start) or " "
    if QUOTE[before] then
      return "quoted"
    elseif before == ">" and text:find("</", 1, true) then
      return "xml"
    elseif before == "=" and text:find("&", 1, true) and not written:find(" ", 1, true) then
      return "urlencoded"
    end
    return "plain"
  end

  local DECODE = {
    plain = function(written)
      return written
    end,
    quoted = function(written)
      return (written:gsub("\\([^\n])", "%1"))
    end,
    urlencoded = function(written)
      local plain = written:gsub("%+", " "):gsub("%%(%x%x)", function(hex)
        return string.char(tonumber(hex, 16))
      end)
      return replace_errors(plain)
    end,
    xml = function(written)
      local plain = written:gsub("&gt;", ">"):gsub("&lt;", "<"):gsub("&quot;", '"')
      return (plain:gsub("&apos;", "'"):gsub("&amp;", "&"))
    end,
  }

  -- The characters that are `around`, but for blanks, and brackets and quotes that are in pairs.
  local function unpaired(around)
    local open = {}
    for mark in around:gmatch(CHARACTER) do
      if #open > 0 and CLOSING[open[#open]] == mark then
        table.remove(open)
      elseif not BLANK[mark] then
        table.insert(open, mark)
      end
    end
    return open
  end

  -- How wide the way is in which a text is written.
  local function width_of(written)
    local separator, behind = strip(written.between, BLANK), strip(written.behind, BLANK)
    if CLASSIC[separator] and written.before == "" and (behind == "" or behind == separator) then
      if written.number_first then
        return "number_first"
      end
      return separator == "," and "comma" or "classic"
    elseif ARROW:find(separator) then
      separator = ""
    elseif #separator > 1 and CLASSIC[separator:sub(-1)] then
      separator = separator:sub(1, -2)
    end
    local marks = unpaired(written.before .. written.behind)
    for mark in separator:gmatch(CHARACTER) do
      table.insert(marks, mark)
    end
    for _, mark in ipairs(marks) do
      if not USUAL[mark] then -- quotes and brackets around the two, not around all
        marks = unpaired(written.before .. separator .. written.behind)
        break
      end
    end
    local is_usual = not written.number_first
    for _, mark in ipairs(marks) do
      if ALPHA:find(mark) then -- a label
        return "punctuation"
      end
      is_usual = is_usual and USUAL[mark] and mark == marks[1]
    end
    return is_usual and "punctuation" or "unusual"
  end

  local function wider(width, least)
    return least and CREDIBLE.order[least] > CREDIBLE.order[width] and least or width
  end

  local function digits_at_end(name, beside)
    local start = skip_back(name, DIGIT, #name + 1)
    local before = beside == BLANK and start or skip_back(name, BLANK, start)
    return start <= #name and beside[char_before(name, before)] and name:sub(start) or nil
  end

  local function digits_at_start(name, beside)
    local stop = skip(name, DIGIT, 1)
    local behind = beside == BLANK and stop or skip(name, BLANK, stop)
    return stop > 1 and beside[char_at(name, behind)] and slice(name, 1, stop) or nil
  end

  -- The name of `message` without the numbers that are fields of their own in it, and these.
  function reading.split_numbers(message, written)
    local name, numbers = message.name, {}
    if written.coding ~= "plain" then
      return name, numbers
    end
    local separator = strip(written.between, BLANK)
    local beside = separator == "" and BLANK or set_of(separator)
    local around = set_of(BLANKS .. separator)
    local digits = digits_at_end(name, beside)
    while digits do
      table.insert(numbers, parse_number(digits))
      name = slice(name, 1, skip_back(name, around, #name - #digits + 1))
      digits = digits_at_end(name, beside)
    end
    digits = digits_at_start(name, beside)
    while digits do
      table.insert(numbers, parse_number(digits))
      name = name:sub(skip(name, around, #digits + 1))
      digits = digits_at_start(name, beside)
    end
    return name, numbers
  end

  -- What `split_numbers` gives, with the numbers behind any mark that parts fields.
  function reading.split_fields(message, written)
    local name, numbers = reading.split_numbers(message, written)
    local is_plain = written.coding == "plain" or written.coding == "quoted"
    local from = is_plain and FIELD:find(name)
    if from then
      for digits in rex_pcre2.gmatch(name, FIELD) do
        table.insert(numbers, parse_number(digits))
      end
      name = slice(name, 1, skip_back(name, AROUND, from))
    end
    return name, numbers
  end

  -- The name of `message` without the fields behind it, unless there are letters in these.
  local function name_alone_of(message, written)
    local name = reading.split_fields(message, written)
    local start = characters_from(message.name, 1, count_characters(name))
    if count_letters(message.name:sub(#start + 1)) > 0 then
      name = reading.split_numbers(message, written)
    end
    return name
  end

  -- The message whose name and number are there in `text`, with all that is around them. It is
  -- written in a way of the `width`; if that is not given, of at least the width `least`.
  local function make(text, name, number, width, least)
    local number_first = number.start < name.start
    local first, second = number_first and number or name, number_first and name or number
    local written = {
      before = slice(text, 1, first.start),
      between = slice(text, first.stop, second.start),
      behind = text:sub(second.stop),
      number_first = number_first,
    }
    if number_first then
      written.behind = strip_end(written.behind)
    else
      written.before = written.before:sub(skip(written.before, BLANK, 1))
    end
    local encoded = slice(text, name.start, name.stop)
    local digits = slice(text, number.start, number.stop)
    written.coding = coding_of(text, name.start, encoded)
    local message = {
      name = parse_name(DECODE[written.coding](encoded)),
      name_at = name.start,
      name_size = #encoded,
      number = parse_number(digits),
      number_at = number.start,
      number_size = #digits,
      notation = written,
    }
    if words.is_no_name(message.name) then
      malformed(("'%s' is no name"):format(shorten(message.name)))
    end
    if not width then
      width = width_of(written)
      local is_quoted = quoted_stop(text, name.start) == name.stop
      if is_quoted and CREDIBLE.order[width] > CREDIBLE.order.classic then
        width = "classic"
      end
      width = wider(width, least)
    end
    credible.check(name_alone_of(message, written), message.number, #digits, width)
    return message
  end

  -- The message that is `text`; nil if there are no name and number in it. With `glued`, there need
  -- be nothing between a name and the number behind it. How `text` ends may ask for a name as in a
  -- way of the width `least`. Ends in an error of the peer if it is one.
  function reading.read(text, glued, least)
    local code, explanation = text:match("^ERROR ([a-z-]+): ([^\n]*)%.$")
    if code then
      error({ error = code, explanation = explanation })
    elseif text:find("^ERROR [a-z-]+: ") or not text:find("[0-9]") then
      return nil
    elseif text:find("/", 1, true) and HTTP:find(text) then
      malformed("this is HTTP")
    end
    local name, number
    if may_have_labels(text) then
      name, number = find_labelled(text)
      if name then
        return make(text, name, number, "labelled")
      end
    end
    name, number = find(text)
    if name then
      return make(text, name, number, nil, least)
    elseif glued then
      name, number = find_glued(text)
    end
    return name and make(text, name, number, "glued")
  end

  -- The name or the number alone that is in `text`, perhaps with a label.
  function reading.read_half(text)
    local start = skip(text, BLANK, 1)
    local number = label_at(text, start, "number")
    start = number or label_at(text, start, "name") or start
    local stop = skip_back(text, BLANK, #text + 1)
    local opener = char_at(text, start)
    if stop - start > 1 and QUOTE[opener] and opener == char_before(text, stop) then
      start, stop = start + 1, stop - 1
    end
    local value = slice(text, start, stop)
    if number or is_integer(value) then
      parse_number(value)
      return { text = text, is_number = true, value = span(start, stop) }
    end
    check_numeral(text, stop)
    local from, to = NO_INTEGER:find(value)
    if from and not value:find("[^ \t]", to + 1) then
      malformed(("'%s' is not an integer"):format(shorten(value:sub(from, to))))
    elseif SEPARATOR[char_before(value, #value + 1)] then
      malformed("there is no number behind the last separator")
    elseif is_integer((strip(value, AROUND))) then
      malformed("there is no name")
    elseif OTHER_DIGIT:find(char_before(value, #value + 1)) and not SIMPLE_NAME:find(text) then
      malformed(("'%s' has no digits of ASCII"):format(shorten(value)))
    end
    parse_name(value)
    return { text = text, is_number = false, value = span(start, stop) }
  end

  -- The message in two lines with `newline` between them.
  function reading.join(first, newline, second, least)
    if first.is_number == second.is_number then
      if first.is_number then
        malformed("there is no name")
      end
      parse_number(slice(second.text, second.value.start, second.value.stop))
    end
    local offset = #first.text + #newline
    local other = span(second.value.start + offset, second.value.stop + offset)
    local name, number = first.value, other
    if first.is_number then
      name, number = other, first.value
    end
    local text = first.text .. newline .. second.text
    local width = first.is_number and "number_first" or "classic"
    return make(text, name, number, wider(width, least))
  end

  -- All that has a label in `text`: whose it is, what, and its text.
  function reading.labelled(text)
    local labels = labels_of(text)
    for index, value in ipairs(values_of(text, labels)) do
      local label = labels[index]
      label.party = words.party_of(slice(text, label.start, label.stop))
      label.text = slice(text, value.start, value.stop)
    end
    return labels
  end

  -- The text of `message` as our server writes it.
  function reading.write(message)
    local as_server, written = words.as_server, message.notation
    local first, second = message.name, message.number
    if written.number_first then
      first, second = second, first
    end
    return as_server(written.before) .. first .. as_server(written.between) .. second
      .. as_server(written.behind)
  end

  -- What is around the name and the number, which are in braces.
  function reading.template(written)
    local first, second = "{name}", "{number}"
    if written.number_first then
      first, second = second, first
    end
    return written.before .. first .. written.between .. second .. written.behind
  end
end

-- Text, and the table of dialects ----------------------------------------------------------------

-- An envelope has a `kind`: "line", with its `newline`, "counted", with its `size` and `order`, or
-- "padded", "terminated", "utf16", "headed" or "netstring".

local TELNET = bytes(
  [=[\xff(?:[\xfb-\xfe].|\xfa(?:[^\xff]|\xff[^\xf0])*+\xff\xf0|[\xf1-\xf9])]=])

-- The text that `data` is, without telnet's commands.
local function decode(data)
  if data:find("\255", 1, true) then
    data = rex_pcre2.gsub(data, TELNET, "")
  end
  if not is_utf8(data) then
    malformed("it is not UTF-8")
  end
  return data
end

-- `message`, which was read from the `size` bytes of text at `at`, in an envelope that ends with
-- `stop`. Bytes that were left out of the text make its places unknown.
local function taken(message, envelope, stop, at, size, text)
  if stop > MESSAGE.max_message and in_range(message.number) then
    too_long()
  end
  if size == #text then
    message.name_at, message.number_at = message.name_at + at - 1, message.number_at + at - 1
  else
    message.name_at, message.number_at = nil, nil
  end
  message.dialect = { notation = message.notation, envelope = envelope }
  message.stop = stop
  return message
end

local NEWLINE = { ["\n"] = true, ["\r\n"] = true, ["\r"] = true, ["\r\0"] = true }
local SEPARATED = {
  [","] = "comma", [";"] = "semicolon", [":"] = "colon", ["|"] = "pipe", [""] = "space",
}

local function is_text_record(counted)
  return counted.kind == "counted" and counted.size == 2 and counted.order == ">"
end

-- The name of a dialect; "template" for what has none of its own.
local function label_of(dialect)
  local written, envelope = dialect.notation, dialect.envelope
  if dialect.record then
    local is_plain = is_text_record(dialect.record) and dialect.number == "behind"
    return is_plain and "record" or "template"
  elseif not written then
    return "template"
  end
  local is_line = envelope.kind == "line"
  if is_line and written.coding == "json" then
    return "json"
  end
  local around = written.before ~= "" or written.behind ~= "" or written.coding ~= "plain"
  if around or written.between == "" or not (is_line or is_text_record(envelope)) then
    return "template"
  end
  local separator = strip(written.between, BLANK)
  local label = SEPARATED[separator] or NEWLINE[separator] and "two-lines"
  if written.number_first or not is_line then
    local is_classic = SEPARATED[separator] and not (written.number_first and not is_line)
    label = is_classic and (is_line and "number-first" or "text-record")
  end
  return label or "template"
end

-- Objects --------------------------------------------------------------------------------------

local objects = {}
do
  local TOKEN = bytes([=[\G[ \t\r\n]*(?:([][{}(),:])|("[^"\\]*(?:\\.[^"\\]*)*"]=]
    .. [=[|'[^'\\]*(?:\\.[^'\\]*)*')|([^][ \t\r\n{}(),:"']+))]=])
  local SCALAR =
    bytes([=[\A(?:[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?|true|false|null|True|False|None)\z]=])
  local CLOSING = { ["{"] = "}", ["["] = "]", ["("] = ")" }
  local IS_VALUE = { ["value"] = true, ["first value"] = true }
  local IS_KEY = { ["key"] = true, ["first key"] = true }
  local BEFORE_CLOSER = { ["comma"] = true, ["first key"] = true, ["first value"] = true }
  local UNESCAPED = {
    ['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t",
  }

  local function no_message()
    malformed("it is no object or list of a name and a number")
  end

  -- The code point of the \u at `at`, with its other half if it is a surrogate, and the index
  -- behind; nil if there is none.
  local function read_hex(text, at)
    local high = tonumber(text:match("^\\u(%x%x%x%x)", at) or "", 16)
    local low = tonumber(text:match("^\\u(%x%x%x%x)", at + 6) or "", 16)
    if high and low and high >= 0xD800 and high < 0xDC00 and low >= 0xDC00 and low < 0xE000 then
      return 0x10000 + (high - 0xD800) * 0x400 + low - 0xDC00, at + 12
    end
    return high, at + 6
  end

  -- What the JSON string with `inner` between its quotes says. Half a surrogate makes it no UTF-8.
  local function unescape(inner)
    if inner:find("[\0-\31]") then
      no_message()
    end
    local result, at = {}, 1
    while at <= #inner do
      local plain, simple = inner:match("^[^\\]+", at), UNESCAPED[inner:match("^\\(.)", at)]
      if plain or simple then
        table.insert(result, plain or simple)
        at = at + (plain and #plain or 2)
      else
        local code
        code, at = read_hex(inner, at)
        if not code then
          no_message()
        end
        table.insert(result, encode_utf8(code))
      end
    end
    return table.concat(result)
  end

  -- What the token of a leaf stands for: a string, the digits of an integer, or neither.
  local function read_value(leaf, token)
    local quote = token:sub(1, 1)
    if quote == "'" then
      leaf.string = token:sub(2, -2):gsub("\\(.)", "%1")
    elseif quote == '"' then
      leaf.string = unescape(token:sub(2, -2))
    elseif is_integer(token) then
      leaf.integer = parse_number(token)
    elseif SCALAR:find(token) then
      leaf.other = token
    else
      no_message()
    end
  end

  -- All values in `text` that hold no others. What may come next is as in the table of `_Scanner`.
  function objects.leaves_of(text)
    local leaves, around, keys, wanted, at = {}, {}, { count = 0 }, "value", 1

    local function take_mark(mark)
      local inner = around[#around]
      if CLOSING[mark] and IS_VALUE[wanted] then
        table.insert(around, { closer = CLOSING[mark], keys = keys, seen = {} })
        wanted = mark == "{" and "first key" or "first value"
      elseif inner and mark == inner.closer and BEFORE_CLOSER[wanted] then
        table.remove(around)
        wanted = "comma"
      elseif inner and mark == "," and wanted == "comma" then
        keys = inner.keys
        wanted = inner.closer == "}" and "key" or "value"
      elseif mark == ":" and wanted == "colon" then
        wanted = "value"
      else
        no_message()
      end
    end

    local function take_token(token, start, stop)
      if IS_VALUE[wanted] then
        local leaf = { start = start, stop = stop, key = keys.key or "", depth = keys.count }
        leaf.is_clients = keys.is_clients
        read_value(leaf, token)
        table.insert(leaves, leaf)
        wanted = "comma"
      elseif IS_KEY[wanted] and token:find("^[\"']") then
        local inner = around[#around]
        if inner.seen[token] then
          malformed("a key is in it twice")
        end
        inner.seen[token] = true
        keys = { key = token:sub(2, -2), count = inner.keys.count + 1 }
        keys.is_clients = inner.keys.is_clients or words.party_of(keys.key) == "client"
        wanted = "colon"
      else
        no_message()
      end
    end

    while at <= #text do
      local from, to, mark, quoted, other = TOKEN:find(text, at)
      if not from then
        no_message()
      elseif mark then
        take_mark(mark)
      else
        local token = quoted or other
        take_token(token, to + 1 - #token, to + 1)
      end
      at = to + 1
    end
    if #around > 0 or wanted ~= "comma" then
      no_message()
    end
    return leaves
  end

  -- Ends in an error of the peer if that is what is in `text`.
  local function check_no_report(leaves)
    local values = {}
    for _, leaf in ipairs(leaves) do
      if leaf.depth == 1 then
        values[leaf.key] = leaf
      end
    end
    local code, detail = values.error, values.detail or {}
    if code and code.string then
      local explanation = detail.string or detail.integer or ""
      if values.hint and values.hint.string then
        explanation = explanation .. ". " .. values.hint.string:gsub("%.$", "")
      end
      error({ error = code.string, explanation = explanation, label = "json" })
    end
  end

  local function filter(leaves, accepts)
    local accepted = {}
    for _, leaf in ipairs(leaves) do
      if accepts(leaf) then
        table.insert(accepted, leaf)
      end
    end
    return accepted
  end

  local function is_not_aside(leaf)
    return leaf.key ~= "id" and words.kind_of(leaf.key) ~= "sum"
  end

  -- The one of `leaves` that is the name, or the number, as `kind` has it; nil if none shows.
  local function choose(leaves, kind)
    if #leaves > 1 then
      local rest = filter(leaves, is_not_aside)
      leaves = #rest == 1 and rest or filter(leaves, function(leaf)
        return words.kind_of(leaf.key) == kind
      end)
    end
    return #leaves == 1 and leaves[1] or nil
  end

  -- The message that is `text`, from a bracket to the one that closes it.
  local function read_structure(text)
    local leaves = objects.leaves_of(text)
    check_no_report(leaves)
    local number = choose(filter(leaves, function(leaf)
      return leaf.integer
    end), "number")
    local strings = filter(leaves, function(leaf)
      return leaf.string
    end)
    if not number then
      number = choose(filter(strings, function(leaf)
        return is_integer(leaf.string)
      end), "number")
      strings = filter(strings, function(leaf)
        return leaf ~= number
      end)
    end
    local name = choose(strings, "name")
    if not number then
      for _, leaf in ipairs(leaves) do
        if leaf.other then
          parse_number(leaf.other)
        end
      end
      malformed("which integer is the number does not show")
    end
    if not name then
      malformed("which string is the name does not show")
    end
    local is_single = text:sub(name.start, name.start) == "'"
    local name_start = name.start + (is_single and 1 or 0)
    local name_stop = name.stop - (is_single and 1 or 0)
    local number_start = number.start + (number.string and 1 or 0)
    local number_stop = number.stop - (number.string and 1 or 0)
    local number_first = number.start < name.start
    local first_start, first_stop = name_start, name_stop
    local second_start, second_stop = number_start, number_stop
    if number_first then
      first_start, first_stop, second_start, second_stop =
        second_start, second_stop, first_start, first_stop
    end
    return {
      name = parse_name(name.string),
      name_at = name_start,
      name_size = name_stop - name_start,
      number = number.integer or parse_number(number.string),
      number_at = number_start,
      number_size = number_stop - number_start,
      notation = {
        before = slice(text, 1, first_start),
        between = slice(text, first_stop, second_start),
        behind = text:sub(second_stop),
        number_first = number_first,
        coding = is_single and "quoted" or "json",
      },
    }
  end

  -- The message that is `text`, an object, a list or neither; nil if there is none in it. What
  -- begins like one, but has a name in no quotes, is none: [Ann, 42].
  function objects.read(text, glued)
    if not text:find("^{") and not text:find('^%[[ \t\r\n]*["[{]') then
      return reading.read(text, glued)
    end
    local message, is_read = catch(read_structure, text)
    if not is_read and message.wrong and not text:find('"', 1, true) then
      return reading.read(text) or error(message)
    end
    return is_read and message or error(message)
  end
end

-- Structures -----------------------------------------------------------------------------------

local structures = {}
do
  local INSIDE = {
    ['"'] = bytes([=[\G[^"\\]*(?:\\.[^"\\]*)*]=]),
    ["'"] = bytes([=[\G[^'\\]*(?:\\.[^'\\]*)*]=]),
  }
  local OUTSIDE = { ["{"] = bytes([=[\G[^"'{}]*]=]), ["["] = bytes([=[\G[^"'\[\]]*]=]) }
  local CLOSER = { ["{"] = "}", ["["] = "]" }

  -- Whether a ' behind `before` opens a string, and is not that of O'Neil.
  local function may_open(before)
    return before:find("[{[(,:][ \t\r\n\v\f]*$") ~= nil
  end

  -- The index of the bracket that closes the one at the beginning of `data`; nil if there is none.
  function structures.find_end(data)
    local opener = data:sub(1, 1)
    local closer, depth, quote, at = CLOSER[opener], 0, nil, 1
    while true do
      local pattern = quote and INSIDE[quote] or OUTSIDE[opener]
      local _, to = pattern:find(data, at)
      at = to + 1
      local byte = data:sub(at, at)
      if byte == "" or byte == "\\" then -- the rest is half of an escape
        return nil
      elseif quote then
        quote = nil
      elseif byte == opener then
        depth = depth + 1
      elseif byte == closer then
        depth = depth - 1
        if depth == 0 then
          return at
        end
      elseif byte == '"' or may_open(data:sub(math.max(1, at - STRUCTURES.look_back), at - 1)) then
        quote = byte
      end
      at = at + 1
    end
  end

  local function read(structure)
    if not is_utf8(structure) then
      malformed("it is not UTF-8")
    end
    return objects.read(structure)
  end

  function structures.take(data)
    local last = structures.find_end(data:sub(1, MESSAGE.max_message))
    if not last then
      return #data > MESSAGE.max_message and too_long() or nil
    end
    local newline = data:match("^\r?\n", last + 1) or ""
    local structure = data:sub(1, last)
    local message = catch(read, structure)
    message.stop = last + #newline
    message.newline_may_follow = newline == ""
    if not message.name then
      error(message)
    end
    message.dialect =
      { notation = message.notation, envelope = { kind = "line", newline = newline } }
    return message
  end

  function structures.finish()
    return nil
  end
end

-- Counted --------------------------------------------------------------------------------------

local counted = {}
do
  local HEADER = bytes([=[\A( *)([0-9]+)( *)]=])

  -- Whether there is a newline in `content`, of a message of `length` bytes, before its end.
  local function is_divided(content, length)
    return content:sub(1, length - 1):find("\n", 1, true)
      or content:sub(1, math.max(0, length - 2)):find("\r", 1, true)
  end

  -- The message that is behind its length; false if more of it has to come; nil if it is none.
  function counted.take(data)
    local digits, behind = data:match("^([0-9]+):()")
    local envelope, tail
    if digits and #digits <= COUNTED.most_digits then
      envelope, tail = { kind = "netstring" }, ","
    else
      local _, to, before, header, after = HEADER:find(data:sub(1, COUNTED.widest))
      if not to or to < COUNTED.narrowest then
        return nil
      end
      digits, behind = header, to + 1
      envelope, tail = { kind = "headed", before = before, after = after }, ""
    end
    local significant = digits:match("^0*(.*)$")
    local length = #significant <= COUNTED.most_digits and tonumber(digits) or 0
    local stop = behind - 1 + length
    local content = data:sub(behind, stop)
    if length == 0 or stop + #tail > MESSAGE.max_message or is_divided(content, length) then
      return nil
    elseif content:sub(1, 1) == "/" then -- the path of an HTTP request
      return nil
    elseif #content < length then
      return false
    end
    local text = slice(content, 1, skip_back(content, BREAK, #content + 1))
    local decoded, is_decoded = catch(decode, text)
    local message, is_read
    if is_decoded then
      message, is_read = catch(objects.read, decoded, true)
    end
    if not (is_read and message) then
      return nil
    elseif #data < stop + #tail then
      return false
    elseif data:sub(stop + 1, stop + #tail) ~= tail then
      return nil
    end
    message.notation.behind = message.notation.behind .. content:sub(#text + 1)
    return taken(message, envelope, stop + #tail, behind, #text, decoded)
  end

  -- Whether the length in `data` asks for more, though a name and a number are there.
  function counted.waits_for_more(data)
    local behind = data:match("^ *[0-9]+[: ]*()")
    if not behind or counted.take(data) ~= false then
      return false
    end
    local message, is_read = catch(function()
      return objects.read(decode(data:sub(behind)))
    end)
    return is_read and message ~= nil
  end
end

-- Structs --------------------------------------------------------------------------------------

local structs = {}
do
  -- The struct at the beginning of `data`. Of two byte orders, that counts which makes less of it.
  local function read(data, nul, stop)
    local name = parse_name(slice(data, 1, nul))
    local at = stop - INT + 1
    local big, little = unpack_int(data, at, ">"), unpack_int(data, at, "<")
    local value = math.abs(big) <= math.abs(little) and big or little
    local number = ("%d"):format(value)
    credible.check_int(data, at, number)
    credible.check(name, number, 1, "comma")
    local dialect = { struct = stop - INT }
    return {
      name = name, name_at = 1, name_size = nul - 1,
      number = number, number_at = at, number_size = INT,
      dialect = dialect, stop = stop,
    }
  end

  -- Whether `byte` may be the first of text in UTF-8, such as the name in the next struct.
  local function begins_text(byte)
    return byte >= 0x20 and byte < 0x7F or byte >= 0xC2 and byte <= 0xF4
  end

  -- The struct whose name ends before `nul` and its padding before `at`, if the next message is
  -- there.
  function structs.take(data, nul, at)
    if #data < at + INT - 1 then
      return nil
    elseif data:sub(at + 1, at + 3) == "\0\0\0" then
      return #data > at + INT - 1 and read(data, nul, at + INT - 1) or nil
    elseif data:find("^[0-9][0-9]", at) then
      return nil
    elseif at - nul >= INT and begins_text(data:byte(at + 1)) then
      return read(data, nul, at)
    end
  end

  local function is_usual(size)
    return size % 4 == 0 or size % 10 == 0
  end

  -- Whether an int may be behind the NULs from `nul` to before `at`, rather than text. It is asked
  -- where the name ends in digits, and is a message alone: Player1.
  function structs.may_be_struct(data, nul, at)
    if at - nul >= INT and is_usual(at - INT) then
      return true
    end
    return is_usual(at - 1) and not data:sub(at + 1, at + INT - 1):find("[^\0]")
  end

  function structs.finish(data, nul)
    local at = #data - INT + 1
    if at < nul or data:sub(at) == "\0\0\0\0" or slice(data, nul, at):find("[^\0]") then
      return nil
    end
    return read(data, nul, #data)
  end
end

-- Lines ----------------------------------------------------------------------------------------

local lines = {}
do
  -- Behind IAC and WILL, WONT, DO or DONT there is the option that telnet wants.
  local END = bytes([=[\r?\n|\r\0|\r(?=[^\n\0])|(?<!\xff[\xfb-\xfe])\0]=])
  local IN_NAMES = { [""] = true, ["-"] = true, ["_"] = true, ["#"] = true, ["."] = true }
  local CONTROL = bytes([=[(?<!\xff[\xfb-\xfe])[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]]=])

  local function line(newline)
    return { kind = "line", newline = newline }
  end

  -- Ends in an error of the peer if `text`, which ends with `stop`, is one; if it `is_open`, its
  -- newline may follow.
  function lines.check_no_report(text, stop, is_open)
    local code, explanation = text:match("^ERROR ([a-z-]+): ([^\n]*)%.$")
    if code then
      error({ error = code, explanation = explanation, stop = stop, newline_may_follow = is_open })
    end
  end

  local function check_controls(data, start, stop)
    if CONTROL:find(slice(data, 1, stop), start) then
      malformed("there are control characters in it")
    end
  end

  -- The message of two lines, the second of which silence has ended; nil if it is none yet.
  local function finish_two(first, newline, text)
    local second, is_half = catch(reading.read_half, text)
    if is_half and first.is_number ~= second.is_number then
      return reading.join(first, newline, second)
    end
  end

  -- Text of C, which NULs end.

  -- Whether `message` may as well be a name alone, such as Player1 or Client 7.
  local function may_be_name(message)
    local written = message.notation
    local around = strip(written.before .. written.between .. written.behind, BLANK)
    return not written.number_first and IN_NAMES[around]
  end

  local function padded(message, nul, stop, text)
    local envelope = { kind = stop == nul and "terminated" or "padded", size = stop }
    return taken(message, envelope, stop, 1, nul - 1, text)
  end

  local function take_padded(data, nul)
    check_controls(data, 1, nul)
    local behind = data:match("^\0+()", nul)
    if behind - 1 > MESSAGE.max_message then
      too_long()
    end
    local text = decode(slice(data, 1, nul))
    local message = reading.read(text, true)
    if message and behind > #data then
      return nil
    elseif not message or may_be_name(message) and structs.may_be_struct(data, nul, behind) then
      return structs.take(data, nul, behind)
    end
    return padded(message, nul, behind - 1, text)
  end

  local function finish_padded(data, nul)
    local text = decode(slice(data, 1, nul))
    local message = reading.read(text, true)
    local struct = (not message or may_be_name(message)) and structs.finish(data, nul)
    return struct or message and padded(message, nul, #data, text) or nil
  end

  -- `data`, as text that only silence ends; nil if it is no message.
  function lines.finish(data)
    if counted.waits_for_more(data) then
      return nil
    end
    local from, to = END:find(data)
    if from and data:byte(from) == 0 then
      return finish_padded(data, from)
    end
    local newline = data:sub(-1) == "\r" and "\r" or ""
    local last_start = to and to + 1 or 1
    local last = data:sub(last_start, #data - #newline)
    if not is_utf8(last) then
      return nil
    end
    local message, text
    if from then
      local first = decode(slice(data, 1, from))
      message = finish_two(reading.read_half(first), data:sub(from, to), last)
      text = first .. data:sub(from, to) .. last
    else
      message, text = reading.read(last, true), last
    end
    return message and taken(message, line(newline), #data, 1, #data - #newline, text)
  end

  -- Ends in an error if `data`, a message or its beginning, is too long or shows that it is no
  -- text. Beyond the limit there may only be more digits of the number at its end.
  local function check_length(data, looked)
    local limit = MESSAGE.max_message
    check_controls(data, looked, limit + 2)
    if #data <= limit then
      return
    end
    if looked - 1 <= limit then
      local whole, is_whole = catch(lines.finish, data:sub(1, limit + 1):match("^(.-)\r?\n?$"))
      if not (is_whole and whole) then
        too_long()
      end
    end
    local more = data:match("^[0-9]*\r?\n?()", math.max(limit + 1, looked - 1))
    if more <= #data or #data > LINES.max_with_digits then
      too_long()
    end
  end

  -- How wide a text is at least that ends in `newline`: noise has many a CR.
  local function least_width(newline)
    return newline == "\r" and "punctuation" or nil
  end

  local function take_lines(data)
    local looked, first, between = 1, nil, nil
    local from, to = END:find(data)
    while from do
      if data:byte(from) == 0 then
        return take_padded(data, from) or not first and nil
      elseif to > MESSAGE.max_message then
        check_length(data:sub(1, to), looked)
      end
      check_controls(data, looked, from)
      local newline = data:sub(from, to)
      local text = decode(slice(data, looked, from))
      local message
      if first then
        message = reading.join(first, between, reading.read_half(text), least_width(newline))
        text = first.text .. between .. text
      else
        lines.check_no_report(text, to)
        message = reading.read(text, false, least_width(newline))
      end
      if message then
        return taken(message, line(newline), to, 1, from - 1, text)
      end
      first = reading.read_half(text)
      between, looked = newline, to + 1
      from, to = END:find(data, looked)
    end
    check_length(data, looked)
    return not first and nil
  end

  -- The text at the beginning of `data`; nil if its end is not there yet, false if its first line
  -- is there and it takes a second.
  function lines.take(data)
    if data:find("^[ 0-9]") then
      local message = counted.take(data)
      if message ~= nil then
        return message or nil
      end
    end
    return take_lines(data)
  end
end

-- Records --------------------------------------------------------------------------------------

local records = {}
do
  local LONGEST_NUMBER = 11
  local DIVIDING = bytes("[ \t,;:|=&/~]")

  local function unpack_length(data, at, counted_)
    local length = 0
    for offset = 0, counted_.size - 1 do
      local position = counted_.order == ">" and offset or counted_.size - 1 - offset
      length = length * 256 + data:byte(at + position)
    end
    return length
  end

  -- `text` as a whole message; nil if it is the name of a record.
  local function read_text(text)
    local message = objects.read(text)
    local is_divided = message and DIVIDING:find(message.notation.between)
    return (is_divided or text:find("^[{[]")) and message or nil
  end

  local function make(message, at, size, stop, dialect)
    message.name_at, message.name_size, message.stop, message.dialect = at, size, stop, dialect
    return message
  end

  local function with_int(name, data, at, size, number_at, dialect)
    local number = ("%d"):format(unpack_int(data, number_at, dialect.record.order))
    credible.check_int(data, number_at, number)
    credible.check(name, number, 1, "comma")
    local message = { name = name, number = number, number_at = number_at, number_size = INT }
    return make(message, at, size, number_at + INT - 1, dialect)
  end

  -- The record whose number is text at `start`, behind its own length; false if more of it has to
  -- come; nil if there is no such number.
  local function take_written(name, data, counted_, start)
    if not is_text_record(counted_) or #data < start + counted_.size - 1 then
      return nil
    end
    local length = unpack_length(data, start, counted_)
    local at = start + counted_.size
    local digits = data:sub(at, at + length - 1)
    if length < 1 or length > LONGEST_NUMBER or not digits:find("^[+-]?[0-9]*$") then
      return nil
    elseif #digits < length then
      return false
    elseif not digits:find("[0-9]$") then
      return nil
    end
    local number = parse_number(digits)
    credible.check(name, number, length, "comma")
    return { name = name, number = number, number_at = at, number_size = length }
  end

  -- What begins with a length in binary, as `counted_` has it.
  function records.take(data, counted_)
    local at = 1 + counted_.size
    local stop = at - 1 + unpack_length(data, 1, counted_)
    if stop > MESSAGE.max_message then
      too_long()
    elseif #data < stop then
      return nil
    end
    local content = data:sub(at, stop)
    if content:find("\0", 1, true) and #content > INT then
      local encoded = content:sub(1, -1 - INT)
      local dialect = { record = counted_, number = "counted" }
      return with_int(parse_name(decode(encoded)), data, at, #encoded, stop - INT + 1, dialect)
    end
    local text = decode(content)
    local message = read_text(text)
    if message then
      return taken(message, counted_, stop, at, #content, text)
    end
    local name = parse_name(text)
    if stop + INT > MESSAGE.max_message then
      too_long()
    end
    local written = take_written(name, data, counted_, stop + 1)
    if written ~= nil then
      local dialect = { record = counted_, number = "text" }
      local last = written and written.number_at + written.number_size - 1
      return written and make(written, at, #content, last, dialect) or nil
    elseif #data >= stop + INT then
      local dialect = { record = counted_, number = "behind" }
      return with_int(name, data, at, #content, stop + 1, dialect)
    end
  end
end

-- UTF-16 ---------------------------------------------------------------------------------------

local utf16 = {}
do
  local MARK = "\239\187\191"

  -- The text at the beginning of `data`, as far as its characters are whole.
  local function decode_utf16(data, order)
    local size = math.min(MESSAGE.max_message, #data - #data % 2)
    local text, at = {}, 1

    local function unit(index)
      local a, b = data:byte(index, index + 1)
      return order == ">" and a * 0x100 + b or b * 0x100 + a
    end

    while at < size do
      local code = unit(at)
      if code >= 0xD800 and code < 0xE000 then
        if at + 2 > size then
          break
        end
        local low = unit(at + 2)
        if code >= 0xDC00 or low < 0xDC00 or low >= 0xE000 then
          local whole = table.concat(text)
          return whole:find("\n", 1, true) and whole or malformed("it is not UTF-16")
        end
        code, at = 0x10000 + (code - 0xD800) * 0x400 + low - 0xDC00, at + 2
      end
      table.insert(text, encode_utf8(code))
      at = at + 2
    end
    return table.concat(text)
  end

  local function size_of(text)
    return 2 * (count_characters(text) + select(2, text:gsub("[\240-\244]", "")))
  end

  local function read(text, newline, order)
    local mark = text:sub(1, #MARK) == MARK and MARK or ""
    local body = text:sub(#mark + 1)
    local message = objects.read(body, newline == "")
    if message then
      message.name_at, message.number_at = nil, nil
      local envelope = { kind = "utf16", order = order }
      message.dialect = { notation = message.notation, envelope = envelope }
      message.stop = size_of(text .. newline)
    end
    return message
  end

  function utf16.take(data, order)
    local text = decode_utf16(data, order)
    local line, newline = text:match("^([^\r\n]*)(\r?\n)")
    if not line then
      return #data > MESSAGE.max_message and too_long() or nil
    end
    return read(line, newline, order) or malformed("there is no number in it")
  end

  function utf16.finish(data, order)
    return read(decode_utf16(data, order), "", order)
  end
end

-- Other protocols, as in sumproto/core/foreign.py ------------------------------------------------

local name_request
do
  local REQUESTS = {
    { "RTSP", [=[[A-Z_]+ (?:[!-~]+ RTSP/[0-9]|rtsps?:)]=] },
    { "SIP", [=[[A-Z]+ (?:[!-~]+ SIP/[0-9]|sips?:)]=] },
    { "HTTP", [=[[!-~]+ [!-~]+ HTTP/[0-9]]=] },
    { "HTTP", [=[(?:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH) (?:/|https?://)]=] },
    { "TLS", [=[\x16\x03[\0-\x04]|[\x80-\xff].\x01(?:\x03[\0-\x03]|\0\x02)]=] },
    { "SSH", [=[SSH-[12]\.]=] },
    { "SMTP", [=[(?:EHLO|LHLO) |HELO (?:\[|localhost\r?\n|[\w-]+\.\w)]=] },
    { "FTP", [=[USER (?:anonymous|ftp)\r?\n]=] },
    { "IRC", [=[CAP LS|NICK \S+\r?\nUSER |USER \S+ \S+ \S+ :]=] },
    { "the PROXY protocol", [=[PROXY (?:TCP[46] |UNKNOWN\r\n)|\r\n\r\n\0\r\nQUIT\n]=] },
    { "RDP", [=[\x03\0[\0-\x04].[\x02-\xff]\xe0]=] },
    { "SMB", [=[\0[\0\x01]..[\xfe\xff]SMB]=] },
    { "Redis", [=[\*[1-9][0-9]*\r\n\$]=] },
    { "memcached", [=[stats\r\n]=] },
    { "MQTT", [=[\x10[\0-\xff]{1,4}\0(?:\x04MQTT|\x06MQIsdp)]=] },
    { "DNS", [=[(?:..)?..(?:[\0-\x07][\0\x10\x20]\0\x01\0\0\0\0\0|\x10\0\0\0\0\0\0\0\0)]=] },
    { "X11", [=[l\0\x0b\0\0\0|B\0\0\x0b\0\0]=] },
    { "LDAP", [=[0(?:[\0-\x7f]|\x81.|\x82..|\x84.{4})\x02[\x01-\x04].{1,4}[\x60\x63\x42\x77]]=] },
    { "SNMP", [=[0(?:[\0-\x7f]|\x81.|\x82..)\x02\x01[\0\x01]\x04]=] },
    { "AMQP", [=[AMQP[\0-\x03]]=] },
    { "PostgreSQL", [=[\0\0\0\x08\x04\xd2\x16\x2f|\0\0..\0\x03\0[\0-\x02]user\0]=] },
    { "Kafka", [=[\0[\0-\x0f]..\0[\x03\x12]\0[\0-\x14]]=] },
    { "MongoDB", [=[.{8}\0\0\0\0(?:\xdd|\xd4)\x07\0\0]=] },
    { "Cassandra", [=[[\x03-\x05][\0-\x1f].{2}[\x01\x05]\0\0]=] },
    { "SQL Server", [=[\x12\x01\0.\0\0]=] },
    { "Oracle", [=[[\0-\x04].\0\0\x01\0\0\0]=] },
    { "Java RMI", [=[JRMI\0[\x01\x02]]=] },
    { "Git", [=[[0-9a-f]{4}git-(?:upload|receive)-]=] },
    { "XMPP", [=[<\?xml [^>]*>\s*<stream:|<stream:]=] },
    { "ONC RPC", [=[\x80\0[\0-\x0f].{5}\0\0\0\0\0\0\0\x02]=] },
    { "SOCKS", [=[\x05[\x01-\x09][\0-\x09]|\x04\x01.{6}]=] },
    { "LPD", [=[\x01default\n]=] },
    { "BitTorrent", [=[\x13BitTorrent protocol]=] },
    { "STUN", [=[\0\x01\0.\x21\x12\xa4\x42]=] },
    { "a port scan", [=[HELP\r\n]=] },
    { "a Java ObjectOutputStream", [=[\xac\xed\0\x05]=] },
    { "a Python pickle", [=[\x80[\x02-\x05][\x95}\](cX\x8c]]=] },
  }
  local patterns = {}
  for index, row in ipairs(REQUESTS) do
    patterns[index] = "(" .. row[2] .. ")"
  end
  local ANY = bytes([[\A(?:]] .. table.concat(patterns, "|") .. ")")

  -- What a client that begins with `data` speaks; nil if it is nothing that is known.
  function name_request(data)
    local found = { ANY:find(data:sub(1, FOREIGN.looked_at)) }
    for index, row in ipairs(REQUESTS) do
      if found[index + 2] then
        return row[1]
      end
    end
  end
end

-- Beginnings -----------------------------------------------------------------------------------

local beginnings = {}
do
  local NOTHING = [=[(?:[ \t]*(?:\r\n|\n(?=[^\0-\3])|\r(?=[^\n\0-\3]))|\xef\xbb\xbf|\0{4,}]=]
    .. [=[|\xff(?:[\xfb-\xfd].|\xfe[\0-\x27](?=[^\0])|\xfa(?:[^\xff]|\xff[^\xf0])*+\xff\xf0]=]
    .. [=[|[\xf1-\xf9]))+]=]
  local NOTHING_IN_TELNET = bytes([=[\A(?:(?:[ \t]*\r\0)+|]=] .. NOTHING .. ")")
  NOTHING = bytes([[\A]] .. NOTHING)
  local MARKS = { ["\255\254"] = "<", ["\254\255"] = ">" }

  -- The index of the last byte that is no part of any message; 0 if the first is.
  function beginnings.skip_nothing(data, last)
    local is_telnet = last and last.envelope and last.envelope.newline == "\r\0"
    local _, to = (is_telnet and NOTHING_IN_TELNET or NOTHING):find(data)
    return to or 0
  end

  local function is_high(byte)
    return byte ~= nil and byte <= 3
  end

  local function framing_of_binary(data)
    local first, second, third, fourth = data:byte(1, 4)
    if not second then
      return nil
    elseif first == 0xFF and second >= 0xFA and second <= 0xFE then -- a command of telnet, in part
      return nil
    elseif is_high(first) and (first > 0 or second > 0) then
      return records, { kind = "counted", size = 2, order = ">" }
    elseif not is_high(second) then
      return lines
    elseif not fourth then
      return nil
    elseif is_high(first) then
      return records, { kind = "counted", size = 4, order = ">" }
    end
    local size = third == 0 and fourth == 0 and 4 or 2
    return records, { kind = "counted", size = size, order = "<" }
  end

  local function framing_of_list(data)
    local inside = data:match("^[ \t\r\n]*(.)", 2)
    if not inside or #data:match("^[ \t\r\n]*", 2) >= BEGINNINGS.look_ahead - 1 then
      return nil
    end
    return inside:find('["[{]') and structures or lines
  end

  -- How the end is known of the message that `data` begins with, behind one in the dialect `last`,
  -- and what that framing has to know; nil if the first bytes do not tell yet.
  function beginnings.framing_of(data, last)
    local first, second = data:byte(1, 2)
    if first >= 0x20 and first < 0xFE and first ~= 0x7F and not is_high(second) then
      if first == 0x7B then
        return structures
      end
      return first == 0x5B and framing_of_list(data) or first ~= 0x5B and lines or nil
    end
    local order = MARKS[data:sub(1, 2)]
    if not order and last and last.envelope and last.envelope.kind == "utf16" then
      order = last.envelope.order
    end
    if order then
      return utf16, order
    end
    return framing_of_binary(data)
  end
end

-- Decoder --------------------------------------------------------------------------------------

local decoder = {}
do
  local ASIDES = { ["\239"] = "Byte-order mark", ["\255"] = "Telnet commands", ["\0"] = "NULs" }

  -- The state of a connection in one direction is `dialect`, of the last message, and whether that
  -- one's newline or its sum may follow; and whether asides have been cut, `has_cut`, of the reply
  -- that is next. `after` is the state behind what is read.

  local function aside(what, stop, after)
    return { aside = what, stop = stop, after = after }
  end

  -- The sum as a line behind a reply in two lines; false if it is not whole yet.
  local function take_sum(data)
    local sum, newline, behind = data:match("^([+-]?[0-9]*)\r?(\n?)()")
    if newline ~= "" then
      return sum == "" and "Empty line" or "Sum, as a line behind the reply", behind - 1
    end
    return behind > #data and false or nil
  end

  -- What is at the beginning of `data` and no message; false if more of it has to come.
  local function take_aside(data, state)
    if state.newline_may_follow then
      local newline = data:match("^\r?\n")
      if newline then
        local after = { dialect = state.dialect, sum_may_follow = state.sum_may_follow }
        return aside("Newline of the message before", #newline, after)
      elseif data == "\r" then
        return false
      end
    end
    local after, is_begun = { dialect = state.dialect, has_cut = state.has_cut }, false
    if state.sum_may_follow then
      local what, stop = take_sum(data)
      if what then
        return aside(what, stop, after)
      end
      is_begun = what == false
      after.sum_may_follow = is_begun
    end
    local stop = beginnings.skip_nothing(data, state.dialect)
    if stop > 0 then
      return aside(ASIDES[data:sub(1, 1)] or "Empty line", stop, after)
    end
    return not is_begun and nil
  end

  -- Ends in an error if the first message is one of another protocol. Its last byte is at `stop` if
  -- it is whole, and then it is what is before its digits that tells.
  local function check_no_foreigner(data, state, stop)
    if state.dialect then
      return
    elseif stop then
      local line_stop = skip_back(data, BREAK, stop + 1)
      data = slice(data, 1, skip_back(data, DIGIT, line_stop)) .. "0"
    end
    local protocol = name_request(data)
    if protocol then
      malformed("this is " .. protocol)
    end
  end

  -- `message`, with the state behind it.
  local function consume(message, data, state, is_request)
    if not message then
      return nil
    end
    check_no_foreigner(data, state, message.stop)
    local dialect = message.dialect
    local label = label_of(dialect)
    local envelope = dialect.envelope
    message.label = label
    message.after = {
      dialect = dialect,
      newline_may_follow = envelope and envelope.kind == "line" and envelope.newline == "",
      sum_may_follow = not is_request and label == "two-lines",
    }
    if is_request and dialect.notation and not in_range(message.number) then
      local _, others = reading.split_fields(message, dialect.notation)
      if #others > 0 then
        malformed("there are two numbers in it")
      end
    end
    return message
  end

  local function take_message(data, state, is_request)
    local framing, how = beginnings.framing_of(data, state.dialect)
    local message, is_read = catch(function()
      if not framing and #data > MESSAGE.max_message then
        too_long()
      end
      return framing and framing.take(data, how)
    end)
    if not is_read then
      check_no_foreigner(data, state)
      error(message)
    elseif not message and (framing ~= lines or message == false) then
      check_no_foreigner(data, state)
    end
    return consume(message, data, state, is_request)
  end

  local function finish_message(data, state, is_request)
    local framing, how = beginnings.framing_of(data, state.dialect)
    if not framing or not framing.finish or not data:find("[^ \t\r\n\v\f]") then
      return nil
    end
    local message, is_read = catch(function()
      if framing == lines and not is_request then
        lines.check_no_report(replace_errors(data), #data, true)
      end
      return consume(framing.finish(data, how), data, state, is_request)
    end)
    if not is_read then
      check_no_foreigner(data, state)
      error(message)
    end
    return message
  end

  -- `what` it read, or why not. An error of the peer is none where a request was due.
  local function settle(what, state, is_request)
    if what and what.error and is_request then
      what = wrong("an error where a request was due")
    end
    if what and not what.after then
      local may_follow = what.newline_may_follow
      what.after = { dialect = state.dialect, newline_may_follow = may_follow }
    end
    return what
  end

  -- What is at the beginning of `data`; nil if its end is not there yet.
  function decoder.take(data, state, is_request)
    local beside = take_aside(data, state)
    if beside ~= nil then
      return beside or nil
    end
    return settle(catch(take_message, data, state, is_request), state, is_request)
  end

  -- `data` as a message that ends in silence; nil if it is none.
  function decoder.finish(data, state, is_request)
    return settle(catch(finish_message, data, state, is_request), state, is_request)
  end
end

-- Asides ---------------------------------------------------------------------------------------

local asides = {}
do
  local IS_WORD = [=[[\p{L}\p{N}_]]=]
  local GAP = [=[[ \t]{0,4}]=]
  -- What Python repeats for nothing is possessive here: a match has a limit, beyond which it fails.
  local INTEGER = [=[["']?[+-]?[0-9]{1,64}+(?![0-9.]{0,64}[0-9])["']?]=]
  local IS = [=[["']?]=] .. GAP .. "(?:(?:is|are)(?!" .. IS_WORD .. ")|[:=]++>?|->)" .. GAP
  local SUM = [=[(?:[\p{L}\p{N}_'’-]{0,20}(?<![A-Za-z]))?(?:sum|total|result)]=]
    .. "(?:" .. IS .. [=[|[ \t]{1,4}|[ \t]{1,4}of(?!]=] .. IS_WORD .. [=[)[^:=\n]{0,40}?]=]
    .. IS .. ")" .. INTEGER
  local CLIENTS = [=[(?:client(?:['’]?s)?|your)[ \t_-]{0,4}]=]
  local CLIENTS_NUMBER = CLIENTS .. "(?:number|integer|num|int|value|no|nr)" .. IS .. INTEGER
  local CLIENTS_OWN = [=[(?:client|you[ \t]sent|number[ \t]received|received)]=] .. IS .. INTEGER
  local CLIENTS_NAME = CLIENTS .. "name" .. IS .. [=[[^,;|&\r\n]{0,100}?]=]
    .. [=[(?=[,;|&\r\n]|[ \t]{1,2}(?:server|your)(?!]=] .. IS_WORD .. [=[)|\z)]=]
  local ASIDE = characters("(?i)([,;|&(]?" .. GAP .. [=[)(?<![A-Za-z])(?:the[ \t])?["']?]=]
    .. "(?:" .. SUM .. "|" .. CLIENTS_NUMBER .. "|" .. CLIENTS_OWN .. "|" .. CLIENTS_NAME .. ")"
    .. "([)]?" .. GAP .. "[,;|&.]?" .. GAP .. ")")
  local MAY_BE_ASIDE = characters("(?i)sum|total|result|client|you|received")
  local AT_AN_END = set_of(" \t,;|&\r\n")
  local LONGEST_LINE = 512

  -- The spans that are left of `line`; nil if there is no aside in it.
  local function kept_of(line)
    local kept, at = {}, 1
    local from, to, before, behind
    if count_characters(line) <= LONGEST_LINE then
      from, to, before, behind = ASIDE:find(line)
    end
    if not from then
      return nil
    end
    while from do
      local in_brackets = before:sub(1, 1) == "(" and behind:find(")", 1, true)
      local instead = behind ~= "" and not in_brackets and before or ""
      table.insert(kept, { start = at, stop = from + #instead })
      at = to + 1
      from, to, before, behind = ASIDE:find(line, at)
    end
    table.insert(kept, { start = at, stop = #line + 1 })
    local first, last = 1, #kept
    while first <= last do
      kept[first].start = skip(line, AT_AN_END, kept[first].start, kept[first].stop)
      if kept[first].start < kept[first].stop then
        break
      end
      first = first + 1
    end
    while first <= last do
      kept[last].stop = skip_back(line, AT_AN_END, kept[last].stop, kept[last].start)
      if kept[last].start < kept[last].stop then
        break
      end
      last = last - 1
    end
    if first > last then
      return {}
    end
    kept[last + 1] = { start = skip_back(line, BREAK, #line + 1), stop = #line + 1 }
    return { table.unpack(kept, first, last + 1) }
  end

  -- `text` without asides, and the index in it of each byte that is left; nil if it has none.
  function asides.cut(text)
    if not MAY_BE_ASIDE:find(text) then
      return nil
    end
    local pieces, origins, is_cut, at = {}, {}, false, 1
    while at <= #text do
      local line = text:match("^[^\n]*\n?", at)
      local kept = kept_of(line)
      is_cut = is_cut or kept ~= nil
      for _, piece in ipairs(kept or { { start = 1, stop = #line + 1 } }) do
        table.insert(pieces, slice(line, piece.start, piece.stop))
        for index = piece.start, piece.stop - 1 do
          table.insert(origins, at - 1 + index)
        end
      end
      at = at + #line
    end
    if is_cut then
      return table.concat(pieces), origins
    end
  end
end

-- Sums -----------------------------------------------------------------------------------------

local NO_NAME = "(no name)"

local sums = {}
do
  local KEY = characters(
    [=[["']([\p{L}\p{N}_]{1,40})["'][ \t\r\n]*:[ \t\r\n]*["']?\z]=])

  local function unclear()
    malformed("which of the numbers is the server's does not show")
  end

  -- The name and the number in `text` if it has labels for several numbers.
  local function by_labels(text)
    local numbers, servers, names = 0, {}, {}
    for _, one in ipairs(reading.labelled(text)) do
      local is_number = one.kind == "number" or one.kind == "sum"
      if is_number and is_integer(one.text) then
        numbers = numbers + 1
        if one.kind == "number" and one.party ~= "client" then
          table.insert(servers, one.text)
        end
      elseif one.kind == "name" and one.party ~= "client" then
        table.insert(names, one.text)
      end
    end
    if numbers < 2 then
      return nil
    elseif #servers ~= 1 then
      unclear()
    end
    local name = #names == 1 and names[1] ~= "" and names[1] or NO_NAME
    return name, parse_number(servers[1])
  end

  -- Whether the one number that is in an object has the key of a sum.
  local function is_sum(written)
    local _, _, key = KEY:find(written.number_first and written.before or written.between)
    return key and words.kind_of(key) == "sum"
  end

  -- Whether all `numbers` but the one at `index` are the sum of it and `own`, perhaps with `own`.
  local function explains(numbers, index, own)
    local others = {}
    for other, number in ipairs(numbers) do
      if other ~= index then
        table.insert(others, to_value(number))
      end
    end
    local number = to_value(numbers[index])
    local sum = number and number + own
    if not sum or #others ~= #numbers - 1 then
      return false
    elseif #others == 1 then
      return others[1] == sum
    end
    local is_both = others[1] == sum and others[2] == own or others[1] == own and others[2] == sum
    return #others == 2 and is_both
  end

  -- The one of `numbers` that explains the others; nil if there is not just one.
  local function explaining(numbers, own)
    local found
    for index, number in ipairs(numbers) do
      if number ~= found and explains(numbers, index, own) then
        if found then
          return nil
        end
        found = number
      end
    end
    return found
  end

  local function choose(message, own)
    if is_sum(message.notation) then
      unclear()
    end
    local text = reading.write(message)
    local cut = message.notation.coding == "plain" and asides.cut(text)
    if cut then
      message = reading.read(cut) or unclear()
      text = reading.write(message)
    end
    local name, number = by_labels(text)
    if name then
      return name, number
    end
    local others
    name, others = reading.split_fields(message, message.notation)
    local between = message.notation.between
    if #others == 0 and between:find("=", 1, true) and message.name:find("+", 1, true) then
      -- Bob + Ann = 100
      unclear()
    elseif #others == 0 or not own then
      return message.name, message.number
    end
    table.insert(others, message.number)
    number = explaining(others, own)
    if number and name ~= "" then
      return name, number
    elseif number or strip(between, BLANK) ~= "" then
      unclear()
    end
    return message.name, message.number
  end

  -- `reply`, but with the server's number if there are more, such as the sum. If there is no
  -- `request`, only labels tell which it is.
  function sums.without_sum(reply, request)
    if not (reply.name and reply.dialect.notation) then
      return reply
    end
    local result, is_chosen = catch(function()
      local name, number = choose(reply, request and to_value(request.number))
      return { name = name, number = number }
    end)
    if not is_chosen then
      result.stop, result.after = reply.stop, reply.after
    elseif result.name == reply.name and result.number == reply.number then
      return reply
    else
      result.dialect, result.label, result.after = reply.dialect, reply.label, reply.after
    end
    result.at, result.size = reply.at, reply.size
    return result
  end
end

-- Replies, as in sumproto/core/dialects/reply_decoder.py -----------------------------------------

local replies = {}
do
  local TEXT = "^[\r\n\t]*[^\0-\31{%[\254\255]"
  local SPACE = set_of(" \t\r\n\v\f\28\29\30\31")

  -- Whether asides are cut out of `data`. In what has its length before it, none may be.
  function replies.is_text(data)
    return #data <= 2 * MESSAGE.max_message and data:find(TEXT) and is_utf8(data)
  end

  -- A text of `name` and `numbers`.
  local function write(name, numbers)
    if #numbers == 1 then
      return ('{"name": "%s", "number": %s}'):format(name:gsub('["\\]', "\\%0"), numbers[1])
    end
    return name .. "," .. table.concat(numbers, ",")
  end

  -- A reply with a name for the server whose number is all that is in `data`; nil if more is.
  function replies.name_nobody(data)
    local text = strip(data, SPACE)
    if text:find("\n", 1, true) or not is_utf8(text) then
      return nil
    end
    local labelled = reading.labelled(text)
    local number = #labelled == 1 and labelled[1].kind == "number" and labelled[1].text
    return number and is_integer(number) and write(NO_NAME, { parse_number(number) }) or nil
  end

  -- A line with the name and the numbers that are in `structure`, but no asides; nil if these do not
  -- show.
  local function write_structure(structure)
    if not is_utf8(structure) then
      malformed("it is not UTF-8")
    end
    local names, numbers = {}, {}
    for _, leaf in ipairs(objects.leaves_of(structure)) do
      local is_aside = leaf.is_clients or words.kind_of(leaf.key) == "sum"
      if not is_aside and leaf.integer then
        table.insert(numbers, leaf.integer)
      elseif not is_aside and leaf.string then
        table.insert(names, leaf.string)
      end
    end
    if #numbers == 0 or #names > 1 then
      return nil
    end
    return write(names[1] and parse_name(names[1]) or NO_NAME, numbers)
  end

  -- What is read instead of the object or list that `data` begins with, and the indexes behind both;
  -- nil if that is of no use.
  local function without_asides(data)
    local stop
    if data:find("^[{[]") then
      stop = (structures.find_end(data:sub(1, MESSAGE.max_message)) or 0) + 1
    elseif data:find("^%(") then
      stop = #data + 1
    else
      return nil
    end
    local written, is_written = catch(write_structure, (strip(slice(data, 1, stop), SPACE)))
    if is_written and written then
      local behind = data:sub(stop)
      return written .. (behind:find("^[\r\n]") and behind or "\n"), #written + 1, stop
    end
  end

  -- `read`, but if that fails, without the asides of an object or a list. Gives the text in place of
  -- `data`, too, if nothing could be read from that.
  local function read_without_asides(read, data, state)
    local message = read(data, state, false)
    if not (message and message.expert == experts.malformed) then
      return message
    end
    local text, text_stop, stop = without_asides(data)
    if not text then
      return message
    end
    message = decoder.take(text, state, false)
    if not message then
      return nil, text
    end
    message.name_at, message.number_at = nil, nil
    message.stop = math.min(#data, stop - 1 + math.max(0, (message.stop or 0) + 1 - text_stop))
    return message
  end

  function replies.take(data, state)
    return read_without_asides(decoder.take, data, state)
  end

  -- `data` as a reply that ends in silence; nil if it is none.
  function replies.finish(data, state)
    local number_alone = state.has_cut and replies.name_nobody(data)
    local message, text = replies.take(number_alone or data, state)
    message = message or read_without_asides(decoder.finish, text or number_alone or data, state)
    if message and (text or number_alone) then
      message.name_at, message.number_at = nil, nil
      message.stop = #data
    end
    return message
  end
end

-- Sources --------------------------------------------------------------------------------------

-- A source gives what is in `data`, one after the other: `done` bytes of it are read. Out of
-- replies, asides are cut: `text` is what is left, of which `at` is next, and `origins` has for its
-- first bytes their indexes in `data`. Those of all others are greater by `shift`.
local sources = {}
do
  local function origin(source, index)
    return source.origins[index] or index + source.shift
  end

  -- Cuts asides out of what is next, up to `last`.
  local function cut(source, last)
    local region = source.text:sub(source.at, last)
    local rest, origins
    if replies.is_text(region) then
      rest, origins = asides.cut(region)
    end
    if not rest then
      return
    end
    for index, before in ipairs(origins) do
      origins[index] = origin(source, source.at - 1 + before)
    end
    source.shift = origin(source, last + 1) - #rest - 1
    source.text, source.at, source.origins = rest .. source.text:sub(last + 1), 1, origins
    local state = source.state
    source.state = {
      dialect = state.dialect,
      newline_may_follow = state.newline_may_follow,
      sum_may_follow = state.sum_may_follow,
      has_cut = true,
    }
  end

  function sources.new(data, packet)
    local source = { data = data, text = data, at = 1, done = 0, origins = {}, shift = 0 }
    source.is_request = packet.is_request
    source.state = packet.is_datagram and {} or packet.state
    source.ahead = packet.is_datagram and #data or LINES.max_with_digits -- bytes that are looked at
    if not source.is_request then
      cut(source, data:match(".*()\n") or 0)
    end
    return source
  end

  -- Where the `size` bytes at `at` of what is next are in the data, counted from `start`; nil if
  -- there is an aside in them.
  local function place(source, at, size, start)
    local first = origin(source, source.at - 1 + at)
    local last = origin(source, source.at - 1 + at + size - 1)
    return last - first == size - 1 and first - start + 1 or nil
  end

  -- `message`, which is next, with its place in the data: `at` and `size`. What was cut behind it is
  -- part of it.
  local function step(source, message)
    if not message then
      return nil
    end
    local start = source.done + 1
    if message.name_at then
      message.name_at = place(source, message.name_at, message.name_size, start)
      message.number_at = place(source, message.number_at, message.number_size, start)
      if not (message.name_at and message.number_at) then
        message.name_at, message.number_at = nil, nil
      end
    end
    source.at = message.wrong and #source.text + 1 or source.at + message.stop
    source.done = origin(source, source.at) - 1
    source.state = message.after
    message.at, message.size = start, source.done - start + 1
    return message
  end

  local function following(source)
    return source.text:sub(source.at, source.at + source.ahead)
  end

  -- What is left if all that is next was asides; nil if there is more.
  local function step_over_asides(source)
    if source.at > #source.text and source.done < #source.data then
      return step(source, { aside = "Asides of a reply", stop = 0, after = source.state })
    end
  end

  -- What is next; nil if its end is not there yet.
  function sources.take(source)
    if source.is_request then
      return step(source, decoder.take(following(source), source.state, true))
    end
    return step_over_asides(source)
      or step(source, (replies.take(following(source), source.state)))
  end

  -- What is next as a message that ends in silence; nil if it is none.
  function sources.finish(source)
    if source.is_request then
      return step(source, decoder.finish(following(source), source.state, true))
    end
    cut(source, #source.text)
    return step_over_asides(source) or step(source, replies.finish(following(source), source.state))
  end

  -- All of the data as a datagram, which is one message. Behind that of a reply, our client reads
  -- nothing.
  function sources.take_datagram(source)
    local message
    repeat
      message = sources.take(source) or sources.finish(source)
    until not (message and message.aside) or source.done == #source.data
    if not message or message.aside then
      message = wrong("the end of the message is missing")
    elseif source.is_request and source.data:find("[^ \t\r\n\v\f]", source.done + 1) then
      message = wrong("there is more than a message in the datagram")
    elseif message.name_at then
      local skipped = message.at - 1
      message.name_at, message.number_at = message.name_at + skipped, message.number_at + skipped
    end
    message.after = {}
    message.at, message.size, source.done = 1, #source.data, #source.data
    return message
  end
end

-- Exchanges ------------------------------------------------------------------------------------

-- What is open between two addresses and ports, by the way of a packet between them: whether that
-- is the way of requests, and the stream: requests that wait for a reply, and for either direction
-- what its last segment leaves to the next. Only the first look at a packet needs the stream.
local ways

-- What the first look at a packet found, by its number: how it begins, and a record of each
-- message. Later looks show the same, with what has become of it since.
local packets

function sumproto.init()
  ways, packets = {}, {}
end

local function is_tcp(pinfo)
  return pinfo.port_type ~= UDP
end

-- The keys in `ways` of the way of a packet, and of the way back.
local function keys(pinfo)
  local from = tostring(pinfo.src) .. " " .. pinfo.src_port
  local to = tostring(pinfo.dst) .. " " .. pinfo.dst_port
  local key = pinfo.port_type .. " "
  return key .. from .. " " .. to, key .. to .. " " .. from
end

local function clear(stream)
  stream.waiting, stream.first, stream.last = {}, 1, 0
  stream.rests = {}
  for _, is_request in ipairs({ true, false }) do
    stream.rests[is_request] = { begun = "", before = {}, after = {} }
  end
end

-- Begins a stream with a packet from or to the port of a server, and forgets one before.
local function open(pinfo)
  local stream = {}
  clear(stream)
  local is_request = pinfo.dst_port == pinfo.match
  local forth, back = keys(pinfo)
  ways[back] = { stream = stream, is_request = not is_request }
  ways[forth] = { stream = stream, is_request = is_request }
end

-- What a look at a packet begins with, and on the first its stream. A later look may be the only
-- one: TCP may then give us bytes that it did not give us before. They stand alone.
local function look(pinfo)
  local packet = packets[pinfo.number]
  if packet and pinfo.visited then
    return packet
  end
  local way = ways[keys(pinfo)]
  local rest = pinfo.visited and { begun = "", after = {} } or way.stream.rests[way.is_request]
  packet = {
    number = pinfo.number,
    time = pinfo.rel_ts,
    is_request = way.is_request,
    is_datagram = not is_tcp(pinfo),
    begun = rest.begun,
    state = rest.begun == "" and rest.after or rest.before,
    records = {},
  }
  if pinfo.visited then
    return packet
  end
  packets[pinfo.number] = packet
  return packet, way.stream
end

local function remember_request(stream, record)
  if record.packet.is_datagram then
    stream.waiting, stream.first, stream.last = {}, 1, 0
  end
  stream.last = stream.last + 1
  stream.waiting[stream.last] = record
  stream.rests[false].begun = "" -- who goes on asking has taken the last reply as whole
end

local function remember_reply(stream, record)
  local request = stream.waiting[stream.first]
  if not request then
    return
  end
  stream.waiting[stream.first] = nil
  stream.first = stream.first + 1
  record.partner, request.partner = request, record
  if stream.rests[true].record == request then
    stream.rests[true].begun = "" -- what is answered was whole
  end
end

-- Forgets a message that was only the beginning of one in `packet`.
local function take_back(stream, record, packet)
  record.continued_in = packet.number
  local request = record.partner
  if packet.is_request then
    stream.waiting[stream.last] = nil
    stream.last = stream.last - 1
  elseif request then
    stream.first = stream.first - 1
    stream.waiting[stream.first] = request
    record.partner, request.partner = nil, nil
  end
end

local function resolve(message, record)
  return record.packet.is_request and message or sums.without_sum(message, record.partner)
end

-- Records the messages of a packet at the first look at it, and matches requests and replies.
local function remember(stream, packet, messages)
  if #messages > 0 and packet.begun ~= "" then
    take_back(stream, stream.rests[packet.is_request].record, packet)
  end
  for index, message in ipairs(messages) do
    local record = { packet = packet }
    packet.records[index] = record
    local gets_reply = not (packet.is_datagram and message.wrong)
    if packet.is_request and gets_reply and not message.aside then
      remember_request(stream, record)
    elseif not packet.is_request and not message.aside then
      remember_reply(stream, record)
    end
    record.number = resolve(message, record).number
  end
end

-- What is shown --------------------------------------------------------------------------------

local function shorten(number)
  return #number <= SHOWN and number or ("%s... (%d digits)"):format(number:sub(1, SHOWN), #number)
end

-- The sum of a message and its partner; nil if there is none.
local function sum_of(record)
  local ours = to_value(record.number)
  local theirs = record.partner and to_value(record.partner.number)
  return ours and theirs and ours + theirs
end

-- One line about a message.
local function describe(message, record)
  local what = record.packet.is_request and "Request" or "Reply"
  if message.aside then
    return message.aside
  elseif record.continued_in then
    return ("%s, continued in frame %d"):format(what, record.continued_in)
  elseif message.wrong then
    return ("Malformed %s: %s"):format(what:lower(), message.wrong)
  elseif message.error then
    return "Error: " .. escape(message.error)
  end
  local line = ("%s: %s, %s"):format(what, message.name, shorten(message.number))
  local sum = not record.packet.is_request and sum_of(record)
  return sum and ("%s, sum %d"):format(line, sum) or line
end

local function add_name_and_number(item, range, message)
  local name_range, number_range = range, range
  if message.name_at then
    name_range = range:range(message.name_at - 1, message.name_size)
    number_range = range:range(message.number_at - 1, message.number_size)
  end
  item:add(fields.name, name_range, message.name)
  local value = to_value(message.number)
  if value then
    item:add(fields.number, number_range, Int64.new(value))
  else
    item:add(fields.big_number, number_range, message.number)
  end
  if not in_range(message.number) then
    local why = shorten(message.number) .. " is out of range"
    item:add_proto_expert_info(experts.out_of_range, why)
  end
end

local function add_content(item, range, message)
  if message.wrong then
    item:add_proto_expert_info(message.expert, message.wrong)
    return
  end
  if message.label then
    item:add(fields.dialect, message.label):set_generated()
  end
  if message.label == "template" and message.dialect.notation then
    local template = escape(reading.template(message.dialect.notation))
    item:add(fields.template, template):set_generated()
  end
  if message.error then
    item:add(fields.error, range, escape(message.error))
    item:add(fields.explanation, range, escape(message.explanation))
  else
    add_name_and_number(item, range, message)
  end
end

-- What follows from a message and its partner.
local function add_links(item, record, partner)
  local sum = sum_of(record)
  if sum then
    item:add(fields.sum, Int64.new(sum)):set_generated()
  end
  if record.packet.is_request then
    item:add(fields.response_in, partner.packet.number):set_generated()
    return
  end
  item:add(fields.request_in, partner.packet.number):set_generated()
  local nanoseconds = math.floor((record.packet.time - partner.packet.time) * 1e9 + 0.5)
  local time = NSTime.new(math.floor(nanoseconds / 1e9), nanoseconds % 1e9)
  item:add(fields.time, time):set_generated()
end

local function show(message, record, range, tree, columns)
  local line = describe(message, record)
  columns.info:append(line)
  local item = tree:add(sumproto, range, "Sum Exchange, " .. line)
  if record.continued_in then
    item:add(fields.continued_in, record.continued_in):set_generated()
  elseif not message.aside then
    add_content(item, range, message)
  end
  if record.partner then
    add_links(item, record, record.partner)
  end
end

-- The dissector --------------------------------------------------------------------------------

-- What is next, and whether only silence may have ended it; nil if more has to come.
local function read(source, packet)
  if packet.is_datagram then
    return sources.take_datagram(source), false
  end
  local message = sources.take(source)
  if message then
    return message, false
  end
  return sources.finish(source), true
end

-- All that is in `data`, and what it leaves to the next segment.
local function read_all(data, packet)
  local messages, source = {}, sources.new(data, packet)
  local rest = { begun = "", after = packet.state, at = 1 }
  while source.done < #data do
    local message, is_open = read(source, packet)
    if not message then
      break
    end
    rest.begun = is_open and data:sub(rest.at, rest.at + LINES.max_with_digits) or ""
    rest.before, rest.after = rest.after, message.after
    rest.at = source.done + 1
    table.insert(messages, message)
  end
  return messages, rest
end

local function show_all(messages, packet, tvb, pinfo, tree)
  if #messages > 0 then
    pinfo.cols.protocol = "SUM"
    pinfo.cols.info:clear()
  end
  for index, message in ipairs(messages) do
    -- Where segments overlap and differ, TCP may give us other bytes than at the first look.
    local record = packet.records[index] or { packet = packet }
    local range = tvb:range(message.at - 1, message.size)
    pinfo.cols.info:append(index > 1 and "; " or "")
    show(resolve(message, record), record, range, tree, pinfo.cols)
  end
  pinfo.cols.info:fence()
end

-- Whether a packet cannot be read. A part of one may have been anything: which requests wait behind
-- it, nobody knows.
local function is_unreadable(tvb, pinfo)
  local is_cut = tvb:captured_len() < tvb:reported_len()
  local way = ways[keys(pinfo)]
  if is_cut and way and not (pinfo.visited or pinfo.in_error_pkt) then
    clear(way.stream)
  end
  return is_cut or pinfo.in_error_pkt
end

local function dissect(tvb, pinfo, tree)
  local packet, stream = look(pinfo)
  local data = packet.begun .. tvb:raw()
  if packet.begun ~= "" then
    tvb = ByteArray.new(data, true):tvb("Message in several segments")
  end
  local messages, rest = read_all(data, packet)
  if stream then
    remember(stream, packet, messages)
    rest.record = packet.records[#messages]
  end
  if stream and #messages > 0 then
    stream.rests[packet.is_request] = rest
  end
  show_all(messages, packet, tvb, pinfo, tree)
  if rest.at <= #data and pinfo.can_desegment > 0 then
    pinfo.desegment_offset = math.max(0, rest.at - 1 - #packet.begun)
    pinfo.desegment_len = DESEGMENT_ONE_MORE_SEGMENT
  end
end

-- TCP gives a segment to `connection` if its connection was here before, else to `sumproto`. So what
-- comes to `sumproto` begins a connection, even between ports that had another. The field tcp.stream
-- would tell as much, but has no value at the first of two looks if no filter asks for fields.
local connection = Proto("sumproto_connection", "Sum Exchange, Connection")

function connection.dissector(tvb, pinfo, tree)
  return is_unreadable(tvb, pinfo) and 0 or dissect(tvb, pinfo, tree)
end

function sumproto.dissector(tvb, pinfo, tree)
  if is_unreadable(tvb, pinfo) then
    return 0
  end
  local is_new = is_tcp(pinfo) and not pinfo.visited
  if is_new then
    pinfo.conversation = connection
  end
  if is_new or not ways[keys(pinfo)] then
    open(pinfo)
  end
  return dissect(tvb, pinfo, tree)
end

-- Ports ----------------------------------------------------------------------------------------

local tables = { DissectorTable.get("tcp.port"), DissectorTable.get("udp.port") }
local ports = "12000"

sumproto.prefs.ports = Pref.range("Ports", ports, "TCP and UDP ports of servers", 65535)

local function register()
  for _, ports_of in ipairs(tables) do
    ports_of:add(ports, sumproto)
  end
end

function sumproto.prefs_changed()
  for _, ports_of in ipairs(tables) do
    ports_of:remove(ports, sumproto)
  end
  ports = sumproto.prefs.ports
  register()
end

for _, ports_of in ipairs(tables) do
  ports_of:add_for_decode_as(sumproto)
end
register()
