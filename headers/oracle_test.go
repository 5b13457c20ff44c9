package headers_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// oracleFrame is a frame as a decoder reads it that shares no code with the
// package: encoding/json for JSON headers, encoding/binary and an io.Reader for
// binary ones. It is what the golden frames and the fuzz tests are held against.
type oracleFrame struct {
	Serialization string
	Code          int32
	Flag          int32
	Opaque        int32
	Version       int32
	Language      string
	Remark        string
	Ext           map[string]string
	HeaderSize    int
	Body          []byte
}

// languages by their code, org.apache.rocketmq.remoting.protocol.LanguageCode.
var oracleLanguages = map[byte]string{
	0: "JAVA", 1: "CPP", 2: "DOTNET", 3: "PYTHON", 4: "DELPHI", 5: "ERLANG", 6: "RUBY", 7: "OTHER",
	8: "HTTP", 9: "GO", 10: "PHP", 11: "OMS", 12: "RUST", 13: "NODE_JS",
}

// decodeOracle decodes a whole frame, its length included.
func decodeOracle(frame []byte) (oracleFrame, error) {
	r := bytes.NewReader(frame)
	var length, word uint32
	if err := readAll(r, &length, &word); err != nil {
		return oracleFrame{}, err
	}
	if int(length) != len(frame)-4 {
		return oracleFrame{}, fmt.Errorf("frame says %d bytes follow, %d do", length, len(frame)-4)
	}
	f := oracleFrame{Ext: map[string]string{}, HeaderSize: int(word & 0xFFFFFF)}
	header := make([]byte, f.HeaderSize)
	if _, err := io.ReadFull(r, header); err != nil {
		return oracleFrame{}, err
	}
	body, err := io.ReadAll(r)
	if err != nil {
		return oracleFrame{}, err
	}
	f.Body = body
	switch word >> 24 {
	case 0:
		f.Serialization = "JSON"
		return f, f.decodeJSON(header)
	case 1:
		f.Serialization = "ROCKETMQ"
		return f, f.decodeBinary(header)
	default:
		return f, fmt.Errorf("type byte %d", word>>24)
	}
}

func (f *oracleFrame) decodeJSON(header []byte) error {
	var h struct {
		Code      int32             `json:"code"`
		Flag      int32             `json:"flag"`
		Opaque    int32             `json:"opaque"`
		Version   int32             `json:"version"`
		Language  string            `json:"language"`
		Remark    string            `json:"remark"`
		ExtFields map[string]string `json:"extFields"`
	}
	if err := json.Unmarshal(header, &h); err != nil {
		return err
	}
	f.Code, f.Flag, f.Opaque, f.Version = h.Code, h.Flag, h.Opaque, h.Version
	f.Language, f.Remark = h.Language, h.Remark
	if h.ExtFields != nil {
		f.Ext = h.ExtFields
	}
	return nil
}

func (f *oracleFrame) decodeBinary(header []byte) error {
	r := bytes.NewReader(header)
	var (
		code, version int16
		language      byte
		size          int32
	)
	if err := readAll(r, &code, &language, &version, &f.Opaque, &f.Flag, &size); err != nil {
		return err
	}
	f.Code, f.Version, f.Language = int32(code), int32(version), oracleLanguages[language]
	remark, err := readString(r, int(size))
	if err != nil {
		return err
	}
	f.Remark = remark
	if err := readAll(r, &size); err != nil {
		return err
	}
	if int(size) != r.Len() {
		return fmt.Errorf("ext of %d bytes, %d are left", size, r.Len())
	}
	for r.Len() > 0 {
		var nameSize int16
		if err := readAll(r, &nameSize); err != nil {
			return err
		}
		name, err := readString(r, int(nameSize))
		if err != nil {
			return err
		}
		if err := readAll(r, &size); err != nil {
			return err
		}
		value, err := readString(r, int(size))
		if err != nil {
			return err
		}
		f.Ext[name] = value
	}
	return nil
}

func readAll(r io.Reader, into ...any) error {
	for _, v := range into {
		if err := binary.Read(r, binary.BigEndian, v); err != nil {
			return err
		}
	}
	return nil
}

func readString(r *bytes.Reader, n int) (string, error) {
	if n < 0 || n > r.Len() {
		return "", fmt.Errorf("string of %d bytes, %d are left", n, r.Len())
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return string(b), err
}
