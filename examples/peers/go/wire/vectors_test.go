package wire

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// vector is one of the test vectors beside the conformance kit.
type vector struct {
	Name    string          `json:"name"`
	Why     string          `json:"why"`
	Context string          `json:"context"`
	Hex     *string         `json:"hex"`
	Limit   *int            `json:"limit"`
	Verdict string          `json:"verdict"`
	Codes   map[string]Code `json:"codes"`
}

// judge says what the decoder makes of a vector.
func (v *vector) judge(b []byte) (verdict string, code Code) {
	limit := DefaultMessage
	if v.Limit != nil {
		limit = *v.Limit
	}
	if len(b) > limit { // the transport's part
		return "invalid", MessageTooLarge
	}
	elements, err := Scan(b)
	if err != nil {
		return "invalid", err.Code
	}
	switch m, err := Parse(elements); {
	case err != nil:
		return "invalid", err.Code
	case m == nil:
		return "ignored", 0
	}
	return "valid", 0
}

// TestKitVectors reads the vectors where this peer lies in the repository of
// the kit, or where LIPWIRE_VECTORS says.
func TestKitVectors(t *testing.T) {
	dir := os.Getenv("LIPWIRE_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "conformance", "vectors")
	}
	for _, name := range []string{"messages", "encodings", "ignored", "structure", "fields", "large"} {
		raw, err := os.ReadFile(filepath.Join(dir, name+".json"))
		if err != nil {
			t.Skip("the vectors are not here")
		}
		var file struct{ Vectors []vector }
		if err := json.Unmarshal(raw, &file); err != nil {
			t.Fatal(err)
		}
		for _, v := range file.Vectors {
			if v.Context != "message" || v.Hex == nil { // text is refused before the decoder
				continue
			}
			b, err := hex.DecodeString(*v.Hex)
			if err != nil {
				t.Fatal(err)
			}
			verdict, code := v.judge(b)
			fits := verdict == v.Verdict
			if verdict == "invalid" && fits {
				fits = false
				for _, c := range v.Codes {
					fits = fits || c == code
				}
			}
			if !fits {
				t.Errorf("%s: %s: %s %v, not %s %v", v.Name, v.Why, verdict, code, v.Verdict, v.Codes)
			}
		}
	}
}
